//! The database: one pool, one dialect, migrations that travel in the binary.
//!
//! ```text
//! Db ── pool ──► queries of each module        notify(channel, payload) ──► Wake of every server that listens
//! ```

mod id;
mod open;
mod wake;

use std::time::Duration;

use cyxwiz_model::{Moment, Span};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

pub use id::{DbId, address};
pub use open::OpenDb;
pub use wake::{Hint, Hints, Wake, notify};

use crate::ServerError;

/// Every migration.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Every channel that servers hear. The payload of each is an id, or empty.
pub const CHANNELS: &[&str] = &["platform", "cyx_job", "cyx_node", "cyx_queue", "cyx_outbox"];

/// How long a call waits for a connection before it tells its caller to come back.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a statement may take. Nothing that the server asks takes longer on a healthy database.
const STATEMENT: &str = "30s";
/// How long a transaction may sit idle: a server that hangs must not keep locks.
const IDLE_IN_TRANSACTION: &str = "30s";

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
}

impl Db {
    /// Knows where the database is; connects as needed, and again after it was away.
    #[must_use]
    pub fn new(options: PgConnectOptions, connections: u32) -> Self {
        let options = options.application_name("cyxwiz-server").options([
            ("statement_timeout", STATEMENT),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .connect_lazy_with(options);
        Self { pool }
    }

    /// The pool, for queries and transactions.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Brings the tables up to date. Servers that start together wait for each other.
    ///
    /// # Errors
    /// A database that is away, or newer than this server.
    pub async fn migrate(&self) -> Result<(), ServerError> {
        Ok(MIGRATIONS.run(&self.pool).await?)
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), ServerError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }
}

/// A moment as the database has it.
pub const fn moment(at: i64) -> Moment {
    Moment(at)
}

/// A number that is never negative, from a column that is checked to be so.
///
/// # Errors
/// A negative one.
pub fn unsigned(what: &'static str, value: i64) -> Result<u64, ServerError> {
    u64::try_from(value).map_err(|_| ServerError::stored(what, value))
}

/// A number for a `bigint` column.
///
/// # Errors
/// One that is too large for it.
pub fn signed(what: &'static str, value: u64) -> Result<i64, ServerError> {
    i64::try_from(value).map_err(|_| ServerError::stored(what, value))
}

/// A length of time from a `bigint` column.
///
/// # Errors
/// A negative one.
pub fn span(what: &'static str, value: i64) -> Result<Span, ServerError> {
    unsigned(what, value).map(Span)
}
