//! Whether a message that a server wants signed says what we want to say, and nothing else. A signature under other
//! words may open somebody else's door.

use cyxwiz_chain::Cluster;
use cyxwiz_chain::escrow::Address;
use jiff::{SignedDuration, Timestamp};

use super::Origin;

/// A message is good for five minutes; some more is for clocks.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// Shorter ones could be guessed.
const MIN_NONCE: usize = 8;

/// What it must say.
pub(crate) struct Wanted<'a> {
    pub(crate) server: &'a Origin,
    pub(crate) owner: &'a Address,
    pub(crate) cluster: Cluster,
}

/// What it says instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignInError {
    #[error("the server at {asked} calls itself `{named}`, so nothing was signed")]
    Domain { asked: String, named: String },
    #[error("the server wants {named} to sign in, this wallet is {owner}: nothing was signed")]
    Owner { named: String, owner: Address },
    #[error("the server is on {named}, this wallet on {wanted}: nothing was signed")]
    Cluster { named: String, wanted: Cluster },
    #[error("the server wants a signature for `{0}`, not for a buyer's session: nothing was signed")]
    Role(String),
    #[error("the server wants something signed that is no sign-in ({0}): nothing was signed")]
    Form(&'static str),
}

/// Says whether the text may be signed.
pub(crate) fn check(text: &str, wanted: &Wanted<'_>) -> Result<(), SignInError> {
    let form = SignInError::Form;
    let mut lines = text.split('\n');
    let mut line = |what| lines.next().ok_or(form(what));
    let domain = line("no first line")?
        .strip_suffix(" wants you to sign in with your Solana account:")
        .ok_or(form("no first line"))?;
    if domain != wanted.server.domain() {
        return Err(SignInError::Domain { asked: wanted.server.to_string(), named: shown(domain) });
    }
    let owner = line("no address")?;
    if owner != wanted.owner.to_string() {
        return Err(SignInError::Owner { named: shown(owner), owner: *wanted.owner });
    }
    let (before, statement, after) = (line("no statement")?, line("no statement")?, line("no statement")?);
    if !before.is_empty() || statement.is_empty() || !after.is_empty() {
        return Err(form("no statement"));
    }
    let mut field = |name: &'static str| line(name)?.strip_prefix(name).ok_or(form(name));
    let uri = field("URI: ")?;
    let below = uri.strip_prefix(&wanted.server.to_string());
    if !below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Err(SignInError::Domain { asked: wanted.server.to_string(), named: shown(uri) });
    }
    if field("Version: ")? != "1" {
        return Err(form("another version"));
    }
    let cluster = field("Chain ID: ")?;
    if cluster != wanted.cluster.name() {
        return Err(SignInError::Cluster { named: shown(cluster), wanted: wanted.cluster });
    }
    let nonce = field("Nonce: ")?;
    if nonce.len() < MIN_NONCE || !nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(form("no nonce"));
    }
    let mut time = |name| field(name)?.parse::<Timestamp>().map_err(|_| form(name));
    let (issued, expires) = (time("Issued At: ")?, time("Expiration Time: ")?);
    let life = expires.duration_since(issued);
    if life <= SignedDuration::ZERO || life > LONGEST {
        return Err(form("its time"));
    }
    if line("Resources:")? != "Resources:" {
        return Err(form("Resources:"));
    }
    let role = line("no role")?;
    if role != "- urn:cyxwiz:role:buyer" {
        return Err(SignInError::Role(shown(role)));
    }
    if lines.next().is_some() { Err(form("more lines")) } else { Ok(()) }
}

fn shown(text: &str) -> String {
    text.escape_debug().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "127.0.0.1:8420 wants you to sign in with your Solana account:\n\
        8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR\n\
        \n\
        Sign in to buy compute.\n\
        \n\
        URI: http://127.0.0.1:8420\n\
        Version: 1\n\
        Chain ID: localnet\n\
        Nonce: 0123456789abcdef\n\
        Issued At: 2026-11-21T10:00:00Z\n\
        Expiration Time: 2026-11-21T10:05:00Z\n\
        Resources:\n\
        - urn:cyxwiz:role:buyer";

    fn ask(text: &str) -> Result<(), SignInError> {
        let server = "http://127.0.0.1:8420".parse().unwrap();
        let owner = Address::new_from_array([2; 32]);
        check(text, &Wanted { server: &server, owner: &owner, cluster: Cluster::Localnet })
    }

    #[test]
    fn only_our_own_words_are_signed() {
        assert_eq!(ask(GOOD), Ok(()));
        let say = |from: &str, to: &str| {
            assert!(GOOD.contains(from), "{from}");
            ask(&GOOD.replacen(from, to, 1)).unwrap_err().to_string()
        };
        let said = [
            say("127.0.0.1:8420 wants", "evil.example wants"),
            say("8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR", "CktRuQ2mttgRGkXJtyksdKHjUdc2C4TgDzyB98oEzy8"),
            say("URI: http://127.0.0.1:8420", "URI: http://127.0.0.1:84201"),
            say("localnet", "mainnet"),
            say("role:buyer", "role:node"),
            say("Version: 1", "Version: 2"),
            say("Nonce: 0123456789abcdef", "Nonce: 1"),
            say("10:05:00Z", "11:05:00Z"),
            say("10:05:00Z", "09:05:00Z"),
            say("Sign in to buy compute.", ""),
            say("role:buyer", "role:buyer\n- urn:cyxwiz:role:admin"),
            say("Resources:", "Request ID: 7\nResources:"),
        ];
        insta::assert_snapshot!(said.join("\n"));
    }

    proptest::proptest! {
        #[test]
        fn no_other_text_is_signed(at in 0..GOOD.len(), byte in 0x20_u8..0x7f) {
            let mut bytes = GOOD.as_bytes().to_vec();
            // what may differ: the statement, the nonce, digits of the times
            let (statement, uri) = (GOOD.find("Sign in to").unwrap(), GOOD.find("\n\nURI").unwrap());
            let (nonce, resources) = (GOOD.find("0123456789").unwrap(), GOOD.find("\nResources").unwrap());
            let free = (statement..uri).contains(&at) || (nonce..resources).contains(&at);
            let same = bytes[at] == byte;
            bytes[at] = byte;
            let text = String::from_utf8(bytes).unwrap();
            proptest::prop_assert!(free || same || ask(&text).is_err(), "{}", text);
        }
    }
}
