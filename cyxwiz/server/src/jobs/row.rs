use buffa::Message as _;
use cyxwiz_chain::escrow::Address;
use cyxwiz_model::{
    AccountId, Amount, AttemptId, Coin, Current, Epoch, HourlyPrice, HourlyRate, JobId, JobSpec, JobState,
    Moment, Reason, Span,
};
use cyxwiz_proto::v1;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, PgExecutor, Row};
use uuid::Uuid;

use super::columns::{count, decode, key, maybe_count, maybe_word, small, word};
use crate::db::DbId as _;
use crate::{Refusal, ServerError};

/// A job as the database has it.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub account: AccountId,
    /// His wallet.
    pub buyer: Address,
    /// How far it is.
    pub state: JobState,
    /// Since when.
    pub state_at: Moment,
    /// When it was created.
    pub created_at: Moment,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// The trace that runs through server, node and task.
    pub trace: Vec<u8>,
    /// What an hour costs at most.
    pub price: HourlyPrice,
    /// What an hour costs in base units.
    pub rate: HourlyRate,
    /// Micro-USD for one SOL when it was quoted.
    pub micro_usd_per_sol: u64,
    /// When its quote ended.
    pub quote_expires_at: Moment,
    /// What its escrow is opened with.
    pub terms: Terms,
    /// The longest run.
    pub timeout: Span,
    /// The newest epoch.
    pub epoch: Epoch,
    /// Attempts that count.
    pub attempts_used: u32,
    /// How many may.
    pub max_attempts: u32,
    /// The attempt that may report.
    pub attempt: Option<AttemptId>,
    /// How its run ended.
    pub ending: Option<Ended>,
    /// Until when it may be disputed.
    pub dispute_until: Option<Moment>,
    /// What it came to.
    pub books: Books,
    /// The transaction that opened its escrow.
    pub open_signature: String,
    /// The transaction that closed it.
    pub close_signature: String,
    /// [`v1::JobSpec`]
    pub spec: Vec<u8>,
}

/// What an escrow is opened with; fixed when the job is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What is set aside now; rises with each top-up.
    pub deposit: Amount,
    /// Up to how much it may rise.
    pub limit: Amount,
    /// When the escrow is the buyer's again, Unix seconds.
    pub expire_at: i64,
    /// The program's configuration.
    pub config_version: u32,
    /// Who settles.
    pub settle_key: Address,
    /// Who gets the fee.
    pub treasury: Address,
    /// The fee.
    pub fee_bps: u16,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub reason: Reason,
    /// The script's exit code.
    pub exit_code: Option<i32>,
    /// For people.
    pub message: String,
    /// Whether the buyer may have the outputs.
    pub delivered: bool,
}

/// What a job came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Metered time.
    pub metered: Option<Span>,
    /// The charge.
    pub charged: Option<Amount>,
    /// The node's part.
    pub node: Option<Amount>,
    /// The platform's part.
    pub platform: Option<Amount>,
    /// What went back.
    pub refunded: Option<Amount>,
}

impl Job {
    /// The attempt that may report, with its epoch.
    #[must_use]
    pub fn current(&self) -> Option<Current> {
        self.attempt.map(|attempt| Current { attempt, epoch: self.epoch })
    }

    /// What was asked for, as it came.
    ///
    /// # Errors
    /// Bytes that are no job.
    pub fn wire_spec(&self) -> Result<v1::JobSpec, ServerError> {
        v1::JobSpec::decode_from_slice(&self.spec).map_err(|error| ServerError::stored("a job", error))
    }

    /// What was asked for, checked.
    ///
    /// # Errors
    /// Bytes that are no job.
    pub fn parsed_spec(&self) -> Result<JobSpec, ServerError> {
        JobSpec::try_from(self.wire_spec()?).map_err(|error| ServerError::stored("a job", error))
    }

    /// Whether another attempt may be made.
    #[must_use]
    pub const fn may_retry(&self) -> bool {
        self.attempts_used < self.max_attempts
    }
}

impl FromRow<'_, PgRow> for Ended {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            reason: word(row, "ending_reason")?,
            exit_code: row.try_get("ending_exit")?,
            message: row.try_get::<Option<String>, _>("ending_message")?.unwrap_or_default(),
            delivered: row.try_get("delivered").unwrap_or(false),
        })
    }
}

impl FromRow<'_, PgRow> for Job {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let coin: Coin = word(row, "coin")?;
        let moment = |column: &str| row.try_get(column).map(Moment);
        let maybe_moment = |column: &str| row.try_get::<Option<i64>, _>(column).map(|at| at.map(Moment));
        let text = |column: &str| row.try_get::<Option<String>, _>(column).map(Option::unwrap_or_default);
        let config_version = count(row, "config_version")?;
        let terms = Terms {
            deposit: Amount(count(row, "deposit")?),
            limit: Amount(count(row, "limit_units")?),
            expire_at: row.try_get("expire_at")?,
            config_version: u32::try_from(config_version).map_err(|error| decode("config_version", error))?,
            settle_key: key(row, "settle_key")?,
            treasury: key(row, "treasury")?,
            fee_bps: small(row, "fee_bps")?,
        };
        let books = Books {
            metered: maybe_count(row, "metered_ms")?.map(Span),
            charged: maybe_count(row, "charged")?.map(Amount),
            node: maybe_count(row, "paid_node")?.map(Amount),
            platform: maybe_count(row, "paid_platform")?.map(Amount),
            refunded: maybe_count(row, "refunded")?.map(Amount),
        };
        let ended = maybe_word::<Reason>(row, "ending_reason")?.is_some();
        Ok(Self {
            id: JobId::from_uuid(row.try_get("id")?),
            account: AccountId::from_uuid(row.try_get("account_id")?),
            buyer: key(row, "buyer")?,
            state: word(row, "state")?,
            state_at: moment("state_at")?,
            created_at: moment("created_at")?,
            ended_at: maybe_moment("ended_at")?,
            trace: row.try_get("trace_id")?,
            price: HourlyPrice(count(row, "price")?),
            rate: HourlyRate { coin, base_units: count(row, "rate")? },
            micro_usd_per_sol: maybe_count(row, "micro_usd_per_sol")?.unwrap_or(0),
            quote_expires_at: moment("quote_expires_at")?,
            terms,
            timeout: Span(count(row, "timeout_ms")?),
            epoch: Epoch(small(row, "epoch")?),
            attempts_used: small(row, "attempts_used")?,
            max_attempts: small(row, "max_attempts")?,
            attempt: row.try_get::<Option<Uuid>, _>("attempt_id")?.map(AttemptId::from_uuid),
            ending: if ended { Some(Ended::from_row(row)?) } else { None },
            dispute_until: maybe_moment("dispute_until")?,
            books,
            open_signature: text("open_signature")?,
            close_signature: text("close_signature")?,
            spec: row.try_get("spec")?,
        })
    }
}

/// Reads a job and keeps its row until the transaction ends: whoever moves a job holds it so. Not its key: who appends to
/// its log refers to that while he holds its counter of events, and each would wait for the other.
///
/// # Errors
/// The database failed.
pub async fn lock(conn: &mut PgConnection, job: JobId) -> Result<Option<Job>, ServerError> {
    let query = sqlx::query_as("SELECT * FROM jobs WHERE id = $1 FOR NO KEY UPDATE").bind(job.uuid());
    Ok(query.fetch_optional(conn).await?)
}

/// Reads a job.
///
/// # Errors
/// The database failed.
pub async fn by_id(db: impl PgExecutor<'_>, job: JobId) -> Result<Option<Job>, ServerError> {
    Ok(sqlx::query_as("SELECT * FROM jobs WHERE id = $1").bind(job.uuid()).fetch_optional(db).await?)
}

/// Reads jobs. One that cannot be read is left out and told: the others have nothing to do with it.
///
/// # Errors
/// The database failed.
pub async fn by_ids(db: impl PgExecutor<'_>, jobs: &[JobId]) -> Result<Vec<Job>, ServerError> {
    let ids: Vec<Uuid> = jobs.iter().map(|job| job.uuid()).collect();
    let rows = sqlx::query("SELECT * FROM jobs WHERE id = ANY($1)").bind(ids).fetch_all(db).await?;
    let read = |row: &PgRow| {
        Job::from_row(row).inspect_err(|error| tracing::error!(%error, "a job cannot be read")).ok()
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// Reads a buyer's own job; another's is not there.
///
/// # Errors
/// No such job; the database failed.
pub async fn of_account(db: impl PgExecutor<'_>, account: AccountId, id: &str) -> Result<Job, Refusal> {
    let job: JobId = id.parse().map_err(|error| Refusal::field("job_id", error))?;
    let query = sqlx::query_as("SELECT * FROM jobs WHERE id = $1 AND account_id = $2");
    let found = query.bind(job.uuid()).bind(account.uuid()).fetch_optional(db).await?;
    found.ok_or_else(|| Refusal::not_found("job", job))
}
