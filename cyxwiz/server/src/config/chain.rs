use std::path::PathBuf;

use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::{Cluster, Network};

use super::{ConfigError, Settings};

/// Which chain, and with which keys.
#[derive(Clone, Debug)]
pub struct ChainConfig {
    /// Cluster, RPC, program and mint.
    pub network: Network,
    /// Who assigns and settles; without it the server takes no jobs.
    pub settle_key: Option<PathBuf>,
    /// The program's admin, for admin verbs alone.
    pub admin_key: Option<PathBuf>,
}

impl ChainConfig {
    pub(super) fn check(settings: &mut Settings) -> Result<Self, ConfigError> {
        let cluster: Cluster =
            settings.cluster.get_or_insert_with(|| Cluster::default().to_string()).parse()?;
        let program = match &settings.program {
            None => None,
            Some(text) => Some(text.parse::<Address>().map_err(|_| {
                ConfigError::setting("program", format!("`{text}` is no address: write it in base58"))
            })?),
        };
        let network = Network::new(cluster, settings.rpc_url.as_deref(), program)?;
        settings.rpc_url = Some(network.url.clone());
        settings.program = Some(network.program.id.to_string());
        let settle_key = settings.settle_key.as_ref().map(PathBuf::from);
        let admin_key = settings.admin_key.as_ref().map(PathBuf::from);
        Ok(Self { network, settle_key, admin_key })
    }
}
