//! The text that the server asks this node to sign, looked at before it is signed.

use std::net::IpAddr;

/// Why a text is not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SiwsError {
    #[error("the text to be signed is not of the Sign In With Solana form")]
    Form,
    #[error("the text to be signed is for `{0}`, not for this server")]
    Domain(String),
    #[error("the text to be signed is for another key")]
    Address,
    #[error("the text to be signed opens no node's session")]
    Role,
}

const WANTS: &str = " wants you to sign in with your Solana account:";
const ROLE: &str = "- urn:cyxwiz:role:node";

/// Checks that a signature under `message` signs this key in as a node at `host`, and nothing else: a server that hands
/// on another's challenge gets none.
pub(crate) fn check(message: &str, host: &str, address: &str) -> Result<(), SiwsError> {
    let mut lines = message.lines();
    let domain = lines.next().and_then(|line| line.strip_suffix(WANTS)).ok_or(SiwsError::Form)?;
    if !same_host(domain, host) {
        return Err(SiwsError::Domain(domain.chars().take(120).collect()));
    }
    if lines.next() != Some(address) {
        return Err(SiwsError::Address);
    }
    let mut resources = message.lines().skip_while(|line| *line != "Resources:").skip(1);
    if resources.next() == Some(ROLE) && resources.next().is_none() { Ok(()) } else { Err(SiwsError::Role) }
}

/// Compares without the port; this machine has several names.
fn same_host(domain: &str, host: &str) -> bool {
    let (domain, host) = (without_port(domain), without_port(host));
    domain.eq_ignore_ascii_case(host) || (is_here(domain) && is_here(host))
}

fn without_port(authority: &str) -> &str {
    let bare = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    bare.unwrap_or(authority)
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(domain: &str, address: &str, role: &str) -> String {
        format!(
            "{domain} wants you to sign in with your Solana account:\n{address}\n\nSign in.\n\nURI: http://{domain}\n\
             Version: 1\nChain ID: localnet\nNonce: abc\nIssued At: x\nExpiration Time: y\nResources:\n- urn:cyxwiz:role:{role}"
        )
    }

    #[test]
    fn only_a_nodes_sign_in_to_this_server_is_signed() {
        assert_eq!(check(&text("m.example", "A", "node"), "m.example", "A"), Ok(()));
        assert_eq!(check(&text("m.example:8420", "A", "node"), "M.example", "A"), Ok(()));
        assert_eq!(check(&text("127.0.0.1:8420", "A", "node"), "localhost", "A"), Ok(()));
        assert_eq!(check(&text("[::1]:8420", "A", "node"), "127.0.0.1", "A"), Ok(()));
        let other = check(&text("evil.example", "A", "node"), "m.example", "A");
        assert_eq!(other, Err(SiwsError::Domain("evil.example".to_owned())));
        assert_eq!(check(&text("m.example", "B", "node"), "m.example", "A"), Err(SiwsError::Address));
        assert_eq!(check(&text("m.example", "A", "buyer"), "m.example", "A"), Err(SiwsError::Role));
        let both = text("m.example", "A", "node\n- urn:cyxwiz:role:buyer");
        assert_eq!(check(&both, "m.example", "A"), Err(SiwsError::Role));
        assert_eq!(check("transfer all", "m.example", "A"), Err(SiwsError::Form));
    }
}
