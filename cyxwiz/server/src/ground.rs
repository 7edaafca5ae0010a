//! What every service stands on.

use std::sync::Arc;

use cyxwiz_chain::{Network, Rpc};

use crate::auth::HeldSessions;
use crate::db::{CHANNELS, Wake};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::traces::Traces;
use crate::{Clock, Config, Db, Drain, Files, ServerError};

/// The parts that services and background tasks share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ground {
    /// How the server was set up.
    pub config: Arc<Config>,
    /// The database.
    pub db: Db,
    /// Hints from every server of the database.
    pub wake: Wake,
    /// The files of jobs.
    pub files: Files,
    /// The time.
    pub clock: Clock,
    /// Whether the server stops.
    pub drain: Drain,
    /// Sessions that open streams stand on.
    pub sessions: HeldSessions,
    /// How often callers may call.
    pub limits: Limits,
    /// Figures for the operator.
    pub metrics: Metrics,
    /// Spans for a collector.
    pub traces: Traces,
    /// The chain.
    pub network: Network,
    /// The chain's RPC.
    pub rpc: Rpc,
}

impl Ground {
    /// Puts the parts together. The database is migrated already.
    ///
    /// # Errors
    /// The objects or the database cannot be used.
    pub async fn new(config: Arc<Config>, db: Db, clock: Clock, drain: Drain) -> Result<Self, ServerError> {
        let network = config.chain.network.clone();
        let rpc = Rpc::new(&network.url);
        let files = Files::open(&config, &db, &clock).await?;
        let wake = Wake::start(&db, CHANNELS, &drain);
        let (limits, sessions) = (Limits::new(config.limits), HeldSessions::default());
        let (metrics, traces) = (Metrics::default(), Traces::start(&config.telemetry)?);
        Ok(Self { config, db, wake, files, clock, drain, sessions, limits, metrics, traces, network, rpc })
    }
}
