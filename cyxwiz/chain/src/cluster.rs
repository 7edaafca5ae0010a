//! Which chain: where its RPC is, which program holds the money there, which mint is USDC.

use std::fmt;
use std::str::FromStr;

use cyxwiz_escrow_interface::Address;
use cyxwiz_escrow_interface::build::Program;
use solana_hash::Hash;

/// A public chain, or one on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cluster {
    /// `./x devnet` on this machine.
    #[default]
    Localnet,
    /// Solana's public chain for trying things out.
    Devnet,
    /// Real money.
    Mainnet,
}

/// The program that `./x devnet` deploys. Its key is made of a published seed, so that its address never changes.
const LOCALNET_PROGRAM: Address = Address::from_str_const("3bZfGb1jiNT2me8mVEgX1c5zVrck9xHtsNQ2vrC8GBSe");
/// The test USDC that `./x devnet` mints, by a published seed too.
const LOCALNET_USDC: Address = Address::from_str_const("zrYQUiUEeTMvfu6v1prGzhxtg1dttB9MZ9NtVLCv6HM");
/// Circle's test USDC.
const DEVNET_USDC: Address = Address::from_str_const("4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU");
/// Circle's USDC.
const MAINNET_USDC: Address = Address::from_str_const("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkwZyTDt1v");

const DEVNET_GENESIS: Address = Address::from_str_const("EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG");
const MAINNET_GENESIS: Address = Address::from_str_const("5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d");

impl Cluster {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Localnet, Self::Devnet, Self::Mainnet];

    /// As a person writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Localnet => "localnet",
            Self::Devnet => "devnet",
            Self::Mainnet => "mainnet",
        }
    }

    /// Where its RPC answers unless something else is said.
    #[must_use]
    pub fn url(self) -> &'static str {
        match self {
            Self::Localnet => "http://127.0.0.1:8899",
            Self::Devnet => "https://api.devnet.solana.com",
            Self::Mainnet => "https://api.mainnet-beta.solana.com",
        }
    }

    /// The escrow program, where it is deployed.
    #[must_use]
    pub fn program(self) -> Option<Program> {
        match self {
            Self::Localnet => Some(Program { id: LOCALNET_PROGRAM }),
            Self::Devnet | Self::Mainnet => None,
        }
    }

    /// The mint of USDC.
    #[must_use]
    pub fn usdc(self) -> Address {
        match self {
            Self::Localnet => LOCALNET_USDC,
            Self::Devnet => DEVNET_USDC,
            Self::Mainnet => MAINNET_USDC,
        }
    }

    /// Which public chain has this first block; every other one is somebody's own.
    #[must_use]
    pub fn of_genesis(genesis: &Hash) -> Self {
        match genesis.to_bytes() {
            bytes if bytes == DEVNET_GENESIS.to_bytes() => Self::Devnet,
            bytes if bytes == MAINNET_GENESIS.to_bytes() => Self::Mainnet,
            _ => Self::Localnet,
        }
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Cluster {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|cluster| cluster.name() == text);
        found.ok_or_else(|| NetworkError::UnknownCluster(text.to_owned()))
    }
}

/// A cluster and everything that may be set apart from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Which chain it should be.
    pub cluster: Cluster,
    /// Where JSON-RPC answers.
    pub url: String,
    /// Where the WebSocket answers.
    pub ws_url: String,
    /// The escrow program.
    pub program: Program,
    /// The mint of USDC.
    pub usdc: Address,
}

/// Why a network cannot be named so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not one of the three.
    #[error("no cluster is called `{0}`: take localnet, devnet or mainnet")]
    UnknownCluster(String),
    /// Neither `http://` nor `https://`.
    #[error("`{0}` is no RPC address: it begins with http:// or https://")]
    NoUrl(String),
    /// Nobody deployed it there yet.
    #[error("the escrow program has no address on {0} yet: name one with --program")]
    NoProgram(Cluster),
}

impl Network {
    /// The cluster with what was set apart; the WebSocket follows from the URL as Solana's own tools do it.
    ///
    /// # Errors
    /// An address that is no URL; a cluster without a program.
    pub fn new(cluster: Cluster, url: Option<&str>, program: Option<Address>) -> Result<Self, NetworkError> {
        let url = url.unwrap_or_else(|| cluster.url()).to_owned();
        let ws_url = web_socket_of(&url).ok_or_else(|| NetworkError::NoUrl(url.clone()))?;
        let program = match program {
            Some(id) => Program { id },
            None => cluster.program().ok_or(NetworkError::NoProgram(cluster))?,
        };
        Ok(Self { cluster, url, ws_url, program, usdc: cluster.usdc() })
    }
}

/// `http://host:8899` has its WebSocket at `ws://host:8900`; without a port it is the same host.
fn web_socket_of(url: &str) -> Option<String> {
    let (scheme, rest) = if let Some(rest) = url.strip_prefix("http://") {
        ("ws", rest)
    } else {
        ("wss", url.strip_prefix("https://")?)
    };
    let (host, path) = match rest.split_once('/') {
        Some((host, path)) => (host, format!("/{path}")),
        None => (rest, String::new()),
    };
    if host.is_empty() {
        return None;
    }
    let host = match host.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse::<u16>().ok()?))) {
        Some((name, port)) => format!("{name}:{}", port.checked_add(1)?),
        None => host.to_owned(),
    };
    Some(format!("{scheme}://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_web_socket_follows_from_the_url() {
        for (url, ws) in [
            ("http://127.0.0.1:8899", "ws://127.0.0.1:8900"),
            ("https://api.devnet.solana.com", "wss://api.devnet.solana.com"),
            ("https://rpc.example/key/abc", "wss://rpc.example/key/abc"),
            ("http://[::1]:8899/", "ws://[::1]:8900/"),
        ] {
            assert_eq!(web_socket_of(url).as_deref(), Some(ws));
        }
        assert_eq!(web_socket_of("localhost:8899"), None);
        assert_eq!(web_socket_of("http://"), None);
        assert_eq!(web_socket_of("http://h:65535"), None);
    }

    #[test]
    fn a_name_that_is_none_says_which_there_are() {
        let error = "testnet".parse::<Cluster>().unwrap_err();
        assert_eq!(error.to_string(), "no cluster is called `testnet`: take localnet, devnet or mainnet");
    }

    #[test]
    fn a_cluster_without_a_program_wants_one() {
        let refused = Network::new(Cluster::Mainnet, None, None).unwrap_err();
        assert_eq!(refused, NetworkError::NoProgram(Cluster::Mainnet));
        assert!(Network::new(Cluster::Mainnet, None, Some(LOCALNET_PROGRAM)).is_ok());
    }

    #[test]
    fn a_chain_is_known_by_its_first_block() {
        assert_eq!(Cluster::of_genesis(&Hash::new_from_array(MAINNET_GENESIS.to_bytes())), Cluster::Mainnet);
        assert_eq!(Cluster::of_genesis(&Hash::default()), Cluster::Localnet);
    }
}
