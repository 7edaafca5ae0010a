use std::path::PathBuf;
use std::time::Duration;

use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::{Cluster, Contract, Network, Rpc, read_keypair};
use solana_keypair::Keypair;

use crate::args::{Format, Global};
use crate::error::CliError;
use crate::server::{Buyer, Origin, Server, Sessions, Wire};

/// What every verb needs: which chain, whose key, and how to print.
pub(crate) struct Context {
    global: Global,
}

/// A chain that answers and is the one that was meant.
pub(crate) struct Chain {
    pub(crate) rpc: Rpc,
    pub(crate) contract: Contract,
    pub(crate) network: Network,
    /// Another node of the same chain, where one is named.
    pub(crate) witness: Option<Witness>,
}

/// A node that is asked whether the first one tells the truth.
pub(crate) struct Witness {
    pub(crate) url: String,
    pub(crate) rpc: Rpc,
    /// How long it may be behind; longer is a disagreement.
    pub(crate) wait: Duration,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        Self { global }
    }

    pub(crate) fn json(&self) -> bool {
        self.global.output == Format::Json
    }

    /// Where the keypair is, whether or not there is one.
    pub(crate) fn keypair_path(&self) -> Result<PathBuf, CliError> {
        if let Some(path) = &self.global.keypair {
            return Ok(path.clone());
        }
        Ok(home()?.join(".config/solana/id.json"))
    }

    pub(crate) fn keypair(&self) -> Result<Keypair, CliError> {
        Ok(read_keypair(&self.keypair_path()?)?)
    }

    /// Which chain is meant.
    pub(crate) fn cluster(&self) -> Cluster {
        self.global.cluster
    }

    /// The market's server; nothing is asked yet.
    pub(crate) fn server(&self) -> Result<Server, CliError> {
        let origin: Origin = self.global.server.parse()?;
        let origin = origin.private(self.global.insecure_plaintext)?;
        Ok(Server::new(origin, Wire::new(self.global.tls_ca.as_deref())?))
    }

    /// Where the session of a wallet is kept.
    pub(crate) fn sessions(&self, server: &Server, owner: &Address) -> Result<Sessions, CliError> {
        let dir = match std::env::var_os("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty()) {
            Some(dir) => PathBuf::from(dir),
            None => home()?.join(".config"),
        };
        Ok(Sessions::of(&dir.join("cyxwiz"), &server.origin, owner))
    }

    /// The server, as the wallet that is signed in there.
    pub(crate) fn buyer(&self, owner: Address) -> Result<Buyer, CliError> {
        let server = self.server()?;
        let sessions = self.sessions(&server, &owner)?;
        Ok(Buyer::new(server, owner, sessions))
    }

    /// Asks the chain for its name before anything else: an address of another one costs money.
    pub(crate) async fn chain(&self) -> Result<Chain, CliError> {
        let Global { cluster, url, program, .. } = &self.global;
        let network = Network::new(*cluster, url.as_deref(), *program)?;
        let rpc = Rpc::new(&network.url);
        let unreachable = |url: &str| {
            let url = url.to_owned();
            move |fault| CliError::NoChain { url, cluster: *cluster, fault }
        };
        let genesis = rpc.genesis().await.map_err(unreachable(&network.url))?;
        let found = Cluster::of_genesis(&genesis);
        if found != *cluster {
            return Err(CliError::WrongCluster { url: network.url, found, wanted: *cluster });
        }
        let witness = match &self.global.witness_url {
            None => None,
            Some(url) => {
                let witness =
                    Witness { url: url.clone(), rpc: Rpc::new(url), wait: self.global.witness_wait };
                if witness.rpc.genesis().await.map_err(unreachable(url))? != genesis {
                    return Err(CliError::OtherChain { url: network.url, witness: url.clone() });
                }
                Some(witness)
            }
        };
        let contract = Contract::of(&network);
        Ok(Chain { rpc, contract, network, witness })
    }
}

/// Where a person's files are.
pub(crate) fn home() -> Result<PathBuf, CliError> {
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty()).ok_or(CliError::NoHome)
}

/// Where this command keeps what it must not forget.
pub(crate) fn state_dir() -> Result<PathBuf, CliError> {
    if let Some(dir) = std::env::var_os("XDG_STATE_HOME").filter(|dir| !dir.is_empty()) {
        return Ok(PathBuf::from(dir).join("cyxwiz"));
    }
    Ok(home()?.join(".local/state/cyxwiz"))
}
