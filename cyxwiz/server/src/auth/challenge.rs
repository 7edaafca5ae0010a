//! The text that is signed: Sign In With Solana, with the role among its resources.

use std::fmt;
use std::str::FromStr;

use cyxwiz_chain::Cluster;
use cyxwiz_chain::escrow::Address;
use cyxwiz_model::{Moment, Span};

use crate::ServerError;

/// How long a message may wait for its signature.
pub(super) const LIFETIME: Span = Span::seconds(300);
/// What begins the line of the nonce.
const NONCE: &str = "Nonce: ";

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A wallet that buys.
    Buyer,
    /// A node's identity key.
    Node,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Buyer => "buyer",
            Self::Node => "node",
        })
    }
}

impl FromStr for Role {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "buyer" => Ok(Self::Buyer),
            "node" => Ok(Self::Node),
            _ => Err(ServerError::stored("a role", text)),
        }
    }
}

/// A message before it is text.
#[derive(Clone, Debug)]
pub struct Challenge<'a> {
    /// Whose name the wallet shows.
    pub domain: &'a str,
    /// The server's address.
    pub uri: &'a str,
    /// Which chain.
    pub cluster: Cluster,
    /// Who signs.
    pub address: Address,
    /// For what.
    pub role: Role,
    /// Good once.
    pub nonce: &'a str,
    /// When it was made.
    pub issued_at: Moment,
}

impl Challenge<'_> {
    /// When it is no longer accepted.
    #[must_use]
    pub fn expires_at(&self) -> Moment {
        self.issued_at.plus(LIFETIME)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { domain, uri, cluster, address, role, nonce, issued_at } = self;
        let statement = match role {
            Role::Buyer => "Sign in to CyxWiz. This moves no money.",
            Role::Node => "Sign this node in to CyxWiz. This moves no money.",
        };
        let (issued, expires) = (written(*issued_at), written(self.expires_at()));
        format!(
            "{domain} wants you to sign in with your Solana account:\n{address}\n\n{statement}\n\nURI: {uri}\n\
             Version: 1\nChain ID: {cluster}\n{NONCE}{nonce}\nIssued At: {issued}\nExpiration Time: {expires}\n\
             Resources:\n- urn:cyxwiz:role:{role}"
        )
    }
}

/// The nonce in a text that is shown. Whatever else stands there is compared with what was given out.
pub(super) fn nonce_of(text: &str) -> Option<&str> {
    let nonce = text.lines().find_map(|line| line.strip_prefix(NONCE))?;
    (nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(nonce)
}

/// A moment as RFC 3339 has it.
fn written(at: Moment) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_wallets_know() {
        let challenge = Challenge {
            domain: "market.example",
            uri: "https://market.example",
            cluster: Cluster::Devnet,
            address: Address::from([7; 32]),
            role: Role::Buyer,
            nonce: "0123456789abcdef0123456789abcdef",
            issued_at: Moment(1_750_000_000_000),
        };
        let text = challenge.text();
        let expected = "market.example wants you to sign in with your Solana account:\n\
             US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx\n\n\
             Sign in to CyxWiz. This moves no money.\n\n\
             URI: https://market.example\nVersion: 1\nChain ID: devnet\n\
             Nonce: 0123456789abcdef0123456789abcdef\n\
             Issued At: 2025-06-15T15:06:40Z\nExpiration Time: 2025-06-15T15:11:40Z\n\
             Resources:\n- urn:cyxwiz:role:buyer";
        assert_eq!(text, expected);
        assert_eq!(nonce_of(&text), Some(challenge.nonce));
    }

    #[test]
    fn what_has_no_nonce_has_none() {
        for text in ["", "Nonce: ", "Nonce: 0123", "Nonce: 0123456789abcdef0123456789abcdeg", "nonce: 0"] {
            assert_eq!(nonce_of(text), None);
        }
    }
}
