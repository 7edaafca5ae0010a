use cyxwiz_chain::escrow::Address;
use cyxwiz_model::{AttemptId, Epoch, JobId, Meter, Moment, NodeId, Reason, Span};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, PgExecutor, Row};
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::{count, key, small};

/// An attempt as the database has it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// Its job.
    pub job: JobId,
    /// Its fencing epoch.
    pub epoch: Epoch,
    /// Who works on it.
    pub node: NodeId,
    /// Who is paid for it.
    pub payee: Address,
    /// The GPU that it may use; empty for none.
    pub gpu_uuid: String,
    /// When it was assigned.
    pub assigned_at: Moment,
    /// When the node took it.
    pub accepted_at: Option<Moment>,
    /// When its place became free.
    pub released_at: Option<Moment>,
    /// Why it was told to stop.
    pub stop_reason: Option<Reason>,
    /// When it was.
    pub stop_at: Option<Moment>,
    /// How its script ended, as its node said.
    pub exited: Option<Vec<u8>>,
    /// What its node said at the end.
    pub finished: Option<Vec<u8>>,
    /// The VYR artifact that ran.
    pub artifact_digest: String,
    /// The VYR task.
    pub task_id: String,
    /// How it ended.
    pub ended: Option<(Reason, Option<i32>, String)>,
    /// Up to which entry its log is stored.
    pub log_seq: u64,
    /// Its time.
    pub meter: Option<Meter>,
    /// The last sample of what it uses: [`cyxwiz_proto::v1::Usage`].
    pub usage: Vec<u8>,
}

impl FromRow<'_, PgRow> for Attempt {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let maybe = |column: &str| row.try_get::<Option<i64>, _>(column).map(|at| at.map(Moment));
        let reason = |column: &str| -> Result<Option<Reason>, sqlx::Error> {
            let text: Option<&str> = row.try_get(column)?;
            text.map(str::parse)
                .transpose()
                .map_err(|error: cyxwiz_model::UnknownReason| sqlx::Error::Decode(Box::new(error)))
        };
        let ended = match reason("ending_reason")? {
            None => None,
            Some(reason) => {
                let message: Option<String> = row.try_get("ending_message")?;
                Some((reason, row.try_get("ending_exit")?, message.unwrap_or_default()))
            }
        };
        let meter = match maybe("started_at")? {
            None => None,
            Some(started) => Some(Meter {
                started,
                last: row.try_get("last_at").map(Moment)?,
                counted: Span(count(row, "counted_ms")?),
                ended: maybe("meter_ended_at")?,
            }),
        };
        Ok(Self {
            id: AttemptId::from_uuid(row.try_get("id")?),
            job: JobId::from_uuid(row.try_get("job_id")?),
            epoch: Epoch(small(row, "epoch")?),
            node: NodeId::from_uuid(row.try_get("node_id")?),
            payee: key(row, "payee")?,
            gpu_uuid: row.try_get("gpu_uuid")?,
            assigned_at: row.try_get("assigned_at").map(Moment)?,
            accepted_at: maybe("accepted_at")?,
            released_at: maybe("released_at")?,
            stop_reason: reason("stop_reason")?,
            stop_at: maybe("stop_at")?,
            exited: row.try_get("exited")?,
            finished: row.try_get("finished")?,
            artifact_digest: row.try_get("artifact_digest")?,
            task_id: row.try_get("task_id")?,
            ended,
            log_seq: count(row, "log_seq")?,
            meter,
            usage: row.try_get::<Option<Vec<u8>>, _>("usage")?.unwrap_or_default(),
        })
    }
}

/// Every query of attempts begins so.
macro_rules! attempts {
    ($rest:literal) => {
        concat!(
            "SELECT a.*, m.started_at, m.last_at, m.counted_ms, m.ended_at AS meter_ended_at, m.usage
             FROM attempts a LEFT JOIN meters m ON m.attempt_id = a.id ",
            $rest
        )
    };
}
pub(crate) use attempts;

impl Attempt {
    /// What was counted up to now, while it runs.
    #[must_use]
    pub fn counted(&self, now: Moment) -> Span {
        self.meter.map_or(Span::ZERO, |meter| meter.beat(now).counted)
    }

    /// Whether its script ever started.
    #[must_use]
    pub const fn started(&self) -> bool {
        self.meter.is_some()
    }
}

/// One attempt.
///
/// # Errors
/// The database failed.
pub async fn attempt(db: impl PgExecutor<'_>, id: AttemptId) -> Result<Option<Attempt>, ServerError> {
    Ok(sqlx::query_as(attempts!("WHERE a.id = $1")).bind(id.uuid()).fetch_optional(db).await?)
}

/// The attempts of jobs, oldest first.
///
/// # Errors
/// The database failed.
pub async fn attempts_of(db: impl PgExecutor<'_>, jobs: &[JobId]) -> Result<Vec<Attempt>, ServerError> {
    let ids: Vec<Uuid> = jobs.iter().map(|job| job.uuid()).collect();
    let query = sqlx::query_as(attempts!("WHERE a.job_id = ANY($1) ORDER BY a.job_id, a.epoch"));
    Ok(query.bind(ids).fetch_all(db).await?)
}

/// Nodes' attempts that hold a place.
///
/// # Errors
/// The database failed.
pub async fn open_attempts(db: impl PgExecutor<'_>, nodes: &[NodeId]) -> Result<Vec<Attempt>, ServerError> {
    let nodes: Vec<Uuid> = nodes.iter().map(|node| node.uuid()).collect();
    let query =
        sqlx::query_as(attempts!("WHERE a.node_id = ANY($1) AND a.released_at IS NULL ORDER BY a.id"));
    Ok(query.bind(nodes).fetch_all(db).await?)
}

/// Frees an attempt's place and writes how it ended; what it told its job is the caller's business.
///
/// # Errors
/// The database failed.
pub(super) async fn release(
    conn: &mut PgConnection,
    attempt: AttemptId,
    now: Moment,
    reason: Reason,
    exit_code: Option<i32>,
    message: &str,
) -> Result<(), ServerError> {
    sqlx::query(
        "UPDATE attempts SET released_at = coalesce(released_at, $2), ending_reason = coalesce(ending_reason, $3),
            ending_class = coalesce(ending_class, $4), ending_exit = coalesce(ending_exit, $5),
            ending_message = coalesce(ending_message, $6)
         WHERE id = $1",
    )
    .bind(attempt.uuid())
    .bind(now.0)
    .bind(reason.word())
    .bind(reason.class().map(|class| class.to_string()))
    .bind(exit_code)
    .bind(message)
    .execute(&mut *conn)
    .await?;
    sqlx::query("UPDATE meters SET ended_at = coalesce(ended_at, last_at) WHERE attempt_id = $1")
        .bind(attempt.uuid())
        .execute(&mut *conn)
        .await?;
    crate::db::notify(conn, crate::market::QUEUE, "").await
}
