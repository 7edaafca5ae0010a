//! What jobs, nodes, matching and payments share.
//!
//! ```text
//! JobService ──┐                                  ┌─► Attend streams (assignments, stops)
//! NodeService ─┼─► one transaction: lifecycle step, event, outbox row ─► hints ─► Bus ─┼─► WatchJob streams
//! watchdogs ───┘                                  └─► matching, outbox workers
//! ```
//! The database is the only truth: whatever a server remembers here can be lost at any moment.

mod bus;
mod fail;
mod figures;
mod files;
mod funnel;
mod wire;

use std::ops::Deref;
use std::sync::Arc;

use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::{Contract, read_keypair};
use cyxwiz_model::Moment;
use cyxwiz_proto::v1::Reason;
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

pub use crate::wire::timestamp;
pub use bus::{Bus, JOBS, NODES, OUTBOX, QUEUE};
pub use fail::fail_at;
pub use figures::Figures;
pub(crate) use files::Links;
pub use funnel::{Funnel, note};
pub use wire::{bytes32, duration, ending_wire, file_info};

use crate::jobs::QuoteKey;
use crate::matching::OfferBook;
use crate::nodes::Streams;
use crate::{Ground, Refusal, ServerError};

/// The market of one server. Cheap to clone.
#[derive(Clone)]
pub struct Market(Arc<Parts>);

/// What it is made of.
pub struct Parts {
    /// What every service stands on.
    pub ground: Ground,
    /// This process, among all servers of the database.
    pub server: Uuid,
    /// The escrow program and the mint of USDC.
    pub contract: Contract,
    /// Wake-ups.
    pub bus: Bus,
    /// The nodes whose streams this server holds.
    pub streams: Streams,
    /// What is offered now.
    pub offers: OfferBook,
    /// What is counted.
    pub figures: Figures,
    settle_key: Option<Keypair>,
    link_key: [u8; 32],
}

impl std::fmt::Debug for Market {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Market").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Deref for Market {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Market {
    /// Reads the settle key, where there is one, and begins to listen for wake-ups.
    ///
    /// # Errors
    /// A key that cannot be read; the database failed.
    pub async fn new(ground: &Ground) -> Result<Self, ServerError> {
        let settle_key = match &ground.config.chain.settle_key {
            Some(path) => Some(read_keypair(path)?),
            None => None,
        };
        Ok(Self(Arc::new(Parts {
            server: Uuid::now_v7(),
            contract: Contract::of(&ground.network),
            bus: Bus::start(&ground.wake, &ground.drain),
            streams: Streams::default(),
            offers: OfferBook::default(),
            figures: Figures::register(&ground.metrics),
            settle_key,
            link_key: crate::platform::link_key(&ground.db).await?,
            ground: ground.clone(),
        })))
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.ground.clock.now()
    }

    /// The database.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        self.ground.db.pool()
    }

    /// A transaction.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, ServerError> {
        Ok(self.pool().begin().await?)
    }

    /// Who assigns and settles.
    ///
    /// # Errors
    /// A server without a settle key takes no jobs.
    pub fn settle_key(&self) -> Result<&Keypair, Refusal> {
        self.settle_key.as_ref().ok_or_else(|| {
            Refusal::new(Reason::REASON_PAUSED, "this server has no settle key, so it takes no jobs")
        })
    }

    /// What quotes are signed with.
    #[must_use]
    pub fn quote_key(&self) -> QuoteKey<'_> {
        QuoteKey(&self.link_key)
    }

    /// Refuses new work while the platform is paused.
    ///
    /// # Errors
    /// It is.
    pub async fn not_paused(&self) -> Result<(), Refusal> {
        crate::platform::require_running(&self.ground.db).await
    }

    /// Its address.
    ///
    /// # Errors
    /// As [`Self::settle_key`].
    pub fn settle_address(&self) -> Result<Address, Refusal> {
        self.settle_key().map(Keypair::pubkey)
    }
}

/// Records that two sides of the books differ: in the log, in the tables, for ever.
///
/// # Errors
/// The database failed.
pub async fn alarm(
    conn: &mut PgConnection,
    job: Option<Uuid>,
    now: Moment,
    what: &str,
) -> Result<(), ServerError> {
    tracing::error!(job.id = ?job, alarm = what, "the books differ: a person must look at this");
    sqlx::query("INSERT INTO alarms (at, job_id, what) VALUES ($1, $2, $3)")
        .bind(now.0)
        .bind(job)
        .bind(what)
        .execute(conn)
        .await?;
    Ok(())
}
