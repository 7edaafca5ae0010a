use cyxwiz_model::{AttemptId, Epoch, JobId, JobState, Moment, NodeId};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::log_entry::Entry;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::db::DbId as _;
use crate::jobs::events;
use crate::market::Market;
use crate::{Refusal, ServerError};

/// Bytes of log and metrics of a job.
pub(super) const MAX_LOG_BYTES: u64 = 64 << 20;
/// Bytes of one push.
const MAX_PUSH: usize = 1 << 20;
/// Numbers in one line of metrics.
const MAX_VALUES: usize = 64;
/// What an entry counts at least.
const ENTRY: usize = 64;

const FULL: &str = "[the log is full: what comes after this is not kept]\n";

pub(super) async fn push(
    market: &Market,
    node: NodeId,
    request: v1::PushLogsRequest,
) -> Result<v1::PushLogsResponse, Refusal> {
    let id: AttemptId = request.attempt_id.parse().map_err(|error| Refusal::field("attempt_id", error))?;
    let bytes = request.entries.iter().map(size).fold(0_usize, usize::saturating_add);
    if bytes > MAX_PUSH + request.entries.len() * ENTRY {
        return Err(Refusal::field("entries", "more than 1 MiB in all: push them in parts"));
    }
    if request.first_seq == 0 {
        return Err(Refusal::field("first_seq", "counted from 1"));
    }
    let now = market.now();
    let mut tx = market.begin().await?;
    let (job, stored) = claim(&mut tx, node, id, Epoch(request.epoch)).await?;
    if request.first_seq > stored.saturating_add(1) {
        // something before it is missing: the node goes on from there
        return Ok(v1::PushLogsResponse { stored_seq: stored, ..Default::default() });
    }
    let known =
        usize::try_from(stored.saturating_add(1).saturating_sub(request.first_seq)).unwrap_or(usize::MAX);
    let count = request.entries.len() as u64;
    let fresh: Vec<v1::LogEntry> = request.entries.into_iter().skip(known).collect();
    let newest = stored.max(request.first_seq.saturating_add(count).saturating_sub(1));
    let full = store(&mut tx, job, Epoch(request.epoch), fresh, now).await?;
    sqlx::query("UPDATE attempts SET log_seq = $2 WHERE id = $1")
        .bind(id.uuid())
        .bind(i64::try_from(newest).map_err(|_| Refusal::field("first_seq", "too large"))?)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(v1::PushLogsResponse { stored_seq: newest, full, ..Default::default() })
}

/// Checks that the attempt is the node's and the job's present one, and holds its row; not its key, to which a report that
/// holds the job refers: each would wait for the other.
async fn claim(
    conn: &mut PgConnection,
    node: NodeId,
    attempt: AttemptId,
    epoch: Epoch,
) -> Result<(JobId, u64), Refusal> {
    let found: Option<(Uuid, i32, i64, Option<Uuid>, String)> = sqlx::query_as(
        "SELECT a.job_id, a.epoch, a.log_seq, j.attempt_id, j.state FROM attempts a JOIN jobs j ON j.id = a.job_id
         WHERE a.id = $1 AND a.node_id = $2 FOR NO KEY UPDATE OF a",
    )
    .bind(attempt.uuid())
    .bind(node.uuid())
    .fetch_optional(conn)
    .await?;
    let Some((job, own, stored, current, state)) = found else {
        return Err(Refusal::not_found("attempt", attempt));
    };
    let terminal = state.parse().is_ok_and(JobState::is_terminal);
    if current != Some(attempt.uuid()) || i64::from(own) != i64::from(epoch.0) || terminal {
        let message = format!("attempt {attempt} of epoch {} is no longer the job's: drop it", epoch.0);
        return Err(Refusal::new(v1::Reason::REASON_STALE_EPOCH, message).subject(attempt.to_string()));
    }
    Ok((JobId::from_uuid(job), crate::db::unsigned("a log", stored)?))
}

/// Stores what fits; says whether the log is full.
async fn store(
    conn: &mut PgConnection,
    job: JobId,
    epoch: Epoch,
    entries: Vec<v1::LogEntry>,
    now: Moment,
) -> Result<bool, ServerError> {
    let (held, was_full): (i64, bool) =
        sqlx::query_as("SELECT log_bytes, log_full FROM job_seq WHERE job_id = $1 FOR UPDATE")
            .bind(job.uuid())
            .fetch_one(&mut *conn)
            .await?;
    let mut held = u64::try_from(held).unwrap_or(u64::MAX);
    let mut full = was_full;
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries {
        held = held.saturating_add((size(&entry).max(ENTRY)) as u64);
        full = full || held > MAX_LOG_BYTES;
        if full {
            break;
        }
        kept.extend(event(entry, epoch).map(|event| events::encoded(now, event)));
    }
    if full && !was_full {
        let data = FULL.as_bytes().to_vec();
        let stream = v1::LogStream::System.into();
        let note = v1::LogChunk { epoch: epoch.0, stream, data, ..Default::default() };
        kept.push(events::encoded(now, note.into()));
    }
    sqlx::query("UPDATE job_seq SET log_bytes = $2, log_full = $3 WHERE job_id = $1")
        .bind(job.uuid())
        .bind(i64::try_from(held.min(MAX_LOG_BYTES)).unwrap_or(i64::MAX))
        .bind(full)
        .execute(&mut *conn)
        .await?;
    if !kept.is_empty() {
        events::append(conn, job, &kept).await?;
    }
    Ok(full)
}

fn event(entry: v1::LogEntry, epoch: Epoch) -> Option<v1::__buffa::oneof::watch_job_response::Event> {
    match entry.entry? {
        Entry::Log(mut log) => {
            log.epoch = epoch.0;
            Some((*log).into())
        }
        Entry::Progress(mut progress) => {
            progress.epoch = epoch.0;
            if progress.values.len() > MAX_VALUES {
                let mut names: Vec<String> = progress.values.keys().cloned().collect();
                names.sort_unstable();
                for name in names.into_iter().skip(MAX_VALUES) {
                    progress.values.remove(&name);
                }
            }
            Some((*progress).into())
        }
    }
}

fn size(entry: &v1::LogEntry) -> usize {
    match &entry.entry {
        Some(Entry::Log(log)) => log.data.len(),
        Some(Entry::Progress(progress)) => {
            progress.values.keys().map(|name| name.len() + 16).fold(32, usize::saturating_add)
        }
        None => 0,
    }
}
