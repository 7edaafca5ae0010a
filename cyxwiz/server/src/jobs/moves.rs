//! The one way in which a job moves.

use cyxwiz_model::{Epoch, Event, JobId, JobState, Moment, step};
use cyxwiz_proto::v1;
use sqlx::PgConnection;
use uuid::Uuid;

use super::events;
use super::row::{Ended, Job};
use crate::ServerError;
use crate::db::{DbId as _, notify};
use crate::market::{NODES, QUEUE, ending_wire};

/// What is told about a move.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// A sentence for people.
    pub message: &'a str,
    /// How the run ended, where it did.
    pub ended: Option<&'a Ended>,
}

impl<'a> Said<'a> {
    /// A sentence alone.
    #[must_use]
    pub const fn words(message: &'a str) -> Self {
        Self { message, ended: None }
    }
}

/// Moves a job whose row is locked by this transaction: asks the lifecycle, writes the state, appends the event.
///
/// # Errors
/// A move that the lifecycle does not know: the caller looks at the state first. The database failed.
pub async fn apply(
    conn: &mut PgConnection,
    job: &mut Job,
    event: Event,
    now: Moment,
    said: Said<'_>,
) -> Result<(), ServerError> {
    let to = step(job.state, event).map_err(|error| ServerError::Said(error.to_string()))?;
    let ended = said.ended;
    sqlx::query(
        "UPDATE jobs SET state = $2, state_at = $3,
            queued_at = CASE WHEN $2 = 'queued' THEN coalesce(queued_at, $3) ELSE queued_at END,
            ended_at = CASE WHEN $4 THEN $3 ELSE ended_at END,
            ending_reason = coalesce($5, ending_reason), ending_class = coalesce($6, ending_class),
            ending_exit = coalesce($7, ending_exit), ending_message = coalesce($8, ending_message),
            delivered = coalesce($9, delivered)
         WHERE id = $1",
    )
    .bind(job.id.uuid())
    .bind(to.word())
    .bind(now.0)
    .bind(to.is_terminal())
    .bind(ended.map(|ended| ended.reason.word()))
    .bind(ended.and_then(|ended| ended.reason.class()).map(|class| class.to_string()))
    .bind(ended.and_then(|ended| ended.exit_code))
    .bind(ended.map(|ended| ended.message.as_str()))
    .bind(ended.map(|ended| ended.delivered))
    .execute(&mut *conn)
    .await?;
    job.state = to;
    job.state_at = now;
    if let Some(ended) = ended {
        job.ending = Some(ended.clone());
    }
    if to.is_terminal() {
        job.ended_at = Some(now);
    }
    tracing::info!(job.id = %job.id, job.state = %to, job.epoch = job.epoch.0, "{}", said.message);
    tell(conn, job, now, said).await?;
    if to == JobState::Queued {
        notify(conn, QUEUE, "").await?;
    }
    Ok(())
}

/// Moves many jobs alike, whose rows are locked by this transaction in that state: asks the lifecycle, writes the states,
/// appends an event to each.
///
/// # Errors
/// As [`apply`].
pub async fn apply_all(
    conn: &mut PgConnection,
    jobs: &[(JobId, Epoch)],
    (from, event): (JobState, Event),
    now: Moment,
    message: &str,
) -> Result<(), ServerError> {
    let to = step(from, event).map_err(|error| ServerError::Said(error.to_string()))?;
    let ids: Vec<Uuid> = jobs.iter().map(|(job, _)| job.uuid()).collect();
    sqlx::query("UPDATE jobs SET state = $2, state_at = $3 WHERE id = ANY($1)")
        .bind(ids)
        .bind(to.word())
        .bind(now.0)
        .execute(&mut *conn)
        .await?;
    told_all(conn, jobs, to, now, message).await
}

/// Tells watchers of many jobs that they are in a state now.
///
/// # Errors
/// The database failed.
pub async fn told_all(
    conn: &mut PgConnection,
    jobs: &[(JobId, Epoch)],
    state: JobState,
    now: Moment,
    message: &str,
) -> Result<(), ServerError> {
    let event = |(job, epoch): &(JobId, Epoch)| {
        tracing::info!(job.id = %job, job.state = %state, job.epoch = epoch.0, "{message}");
        (*job, events::encoded(now, state_change(state, *epoch, message, None).into()))
    };
    events::append_each(conn, jobs.iter().map(event).collect()).await
}

/// Tells watchers of a job's state without moving it.
///
/// # Errors
/// The database failed.
pub async fn tell(
    conn: &mut PgConnection,
    job: &Job,
    now: Moment,
    said: Said<'_>,
) -> Result<(), ServerError> {
    let ending =
        said.ended.map(|ended| ending_wire(ended.reason, ended.exit_code, &ended.message, ended.delivered));
    let change = state_change(job.state, job.epoch, said.message, ending);
    events::append(conn, job.id, &[events::encoded(now, change.into())]).await
}

/// The event of a state.
#[must_use]
pub fn state_change(
    state: JobState,
    epoch: Epoch,
    message: &str,
    ending: Option<v1::Ending>,
) -> v1::StateChange {
    v1::StateChange {
        state: v1::JobState::from(state).into(),
        epoch: epoch.0,
        message: message.to_owned(),
        ending: ending.into(),
        ..Default::default()
    }
}

/// Tells whichever server holds a node's stream that there is something for it.
///
/// # Errors
/// The database failed.
pub async fn ring_node(conn: &mut PgConnection, node: cyxwiz_model::NodeId) -> Result<(), ServerError> {
    notify(conn, NODES, &node.uuid().to_string()).await
}
