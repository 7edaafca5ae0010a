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
    /// Another node of the same chain, where one is named.
    pub(crate) witness: Option<Witness>,
}

/// A node that is asked whether the first one tells the truth.
pub(crate) struct Witness {
    pub(crate) url: String,
    pub(crate) rpc: Rpc,
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
                let witness = Witness { url: url.clone(), rpc: Rpc::new(url) };
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
