use std::path::PathBuf;

use cyxwiz_chain::{Cluster, Contract, Network, Rpc, read_keypair};
use solana_keypair::Keypair;

use crate::args::{Format, Global};
use crate::error::CliError;

/// What every verb needs: which chain, whose key, and how to print.
pub(crate) struct Context {
    global: Global,
}

/// A chain that answers and is the one that was meant.
pub(crate) struct Chain {
    pub(crate) rpc: Rpc,
    pub(crate) contract: Contract,
    pub(crate) network: Network,
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
        let home =
            std::env::home_dir().filter(|home| !home.as_os_str().is_empty()).ok_or(CliError::NoHome)?;
        Ok(home.join(".config/solana/id.json"))
    }

    pub(crate) fn keypair(&self) -> Result<Keypair, CliError> {
        Ok(read_keypair(&self.keypair_path()?)?)
    }

    /// Asks the chain for its name before anything else: an address of another one costs money.
    pub(crate) async fn chain(&self) -> Result<Chain, CliError> {
        let Global { cluster, url, program, .. } = &self.global;
        let network = Network::new(*cluster, url.as_deref(), *program)?;
        let rpc = Rpc::new(&network.url);
        let unreachable = |fault| CliError::NoChain { url: network.url.clone(), cluster: *cluster, fault };
        let found = Cluster::of_genesis(&rpc.genesis().await.map_err(unreachable)?);
        if found != *cluster {
            return Err(CliError::WrongCluster { url: network.url, found, wanted: *cluster });
        }
        let contract = Contract::of(&network);
        Ok(Chain { rpc, contract, network })
    }
}
