//! What every service stands on.

use std::sync::Arc;

use cyxwiz_chain::{Network, Rpc};

use crate::{Clock, Config, Db, Drain, ServerError};

/// The parts that services and background tasks share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ground {
    /// How the server was set up.
    pub config: Arc<Config>,
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Whether the server stops.
    pub drain: Drain,
    /// The chain.
    pub network: Network,
    /// The chain's RPC.
    pub rpc: Rpc,
}

impl Ground {
    /// Puts the parts together. The database is migrated already.
    ///
    /// # Errors
    /// A link key that cannot be read.
    pub async fn new(config: Arc<Config>, db: Db, clock: Clock, drain: Drain) -> Result<Self, ServerError> {
        let network = config.chain.network.clone();
        let rpc = Rpc::new(&network.url);
        Ok(Self { config, db, clock, drain, network, rpc })
    }
}
