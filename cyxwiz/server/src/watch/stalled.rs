use cyxwiz_model::{JobState, Moment, Reason, Span};

use crate::ServerError;
use crate::jobs::lock;
use crate::market::Market;
use crate::nodes::{Attempt, End, attempts, finish, order_stop};

/// How long a node may take to answer.
const ANSWER: Span = Span::seconds(15);
/// How long it may fetch image, files and requirements.
const PREPARE: Span = Span::seconds(30 * 60);
/// How long it may upload outputs.
const PUBLISH: Span = Span::seconds(20 * 60);
/// How much longer than it may a script runs before the server tells its node: the node counts by itself.
const SLACK: Span = Span::seconds(5);
/// How long after an order to stop the server ends a run by itself: the script's grace, and the way of a report.
const FORCE: Span = Span::seconds(90);

/// What is to be done about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Todo {
    Nothing,
    Stop(Reason),
    End(Reason, &'static str),
}

/// Attempts that do not go on as they should.
pub(super) async fn look(market: &Market) -> Result<(), ServerError> {
    let now = market.now();
    let before = |span: Span| now.0.saturating_sub(i64::try_from(span.0).unwrap_or(i64::MAX));
    let found: Vec<Attempt> = sqlx::query_as(attempts!(
        "JOIN jobs j ON j.id = a.job_id
         WHERE a.released_at IS NULL AND (
            (j.state = 'assigned' AND j.state_at < $1) OR (j.state = 'preparing' AND j.state_at < $2)
            OR (j.state = 'publishing' AND j.state_at < $3) OR a.stop_at < $4
            OR (j.state = 'running' AND m.started_at + j.timeout_ms < $5 AND a.stop_at IS NULL)) LIMIT 500"
    ))
    .bind(before(ANSWER))
    .bind(before(PREPARE))
    .bind(before(PUBLISH))
    .bind(before(FORCE))
    .bind(before(SLACK))
    .fetch_all(market.pool())
    .await?;
    for attempt in found {
        act(market, &attempt, now).await?;
    }
    Ok(())
}

async fn act(market: &Market, found: &Attempt, now: Moment) -> Result<(), ServerError> {
    let mut tx = market.begin().await?;
    let Some(mut job) = lock(&mut tx, found.job).await? else { return Ok(()) };
    let Some(attempt) = crate::nodes::attempt(&mut *tx, found.id).await? else { return Ok(()) };
    if job.attempt != Some(attempt.id) || attempt.released_at.is_some() {
        return Ok(());
    }
    match judge(job.state, job.state_at, job.timeout, &attempt, now) {
        Todo::Nothing => {}
        Todo::Stop(reason) => order_stop(&mut tx, &job, &attempt, reason, now).await?,
        Todo::End(reason, message) => {
            finish(market, &mut tx, &mut job, &attempt, End::by_server(reason, message), now).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

fn judge(state: JobState, state_at: Moment, timeout: Span, attempt: &Attempt, now: Moment) -> Todo {
    let since = now.since(state_at);
    let stopped = attempt.stop_reason.zip(attempt.stop_at).filter(|(_, at)| now.since(*at) > FORCE);
    match (state, stopped) {
        (JobState::Running, Some((reason, _))) => {
            Todo::End(reason, "its node did not stop it in time; it was ended by the server")
        }
        (JobState::Assigned, _) if since > ANSWER => Todo::End(Reason::NodeError, "the node did not answer"),
        (JobState::Preparing, _) if since > PREPARE => {
            Todo::End(Reason::NodeError, "the node took too long to fetch what the job needs")
        }
        (JobState::Publishing, _) if since > PUBLISH => {
            Todo::End(Reason::NodeError, "the node took too long to upload the outputs")
        }
        (JobState::Running, None) => match attempt.meter {
            Some(meter)
                if now.since(meter.started) > timeout.plus(SLACK) && attempt.stop_reason.is_none() =>
            {
                Todo::Stop(Reason::Timeout)
            }
            _ => Todo::Nothing,
        },
        _ => Todo::Nothing,
    }
}
