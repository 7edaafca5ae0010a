use std::collections::HashSet;

use cyxwiz_model::{AttemptId, Current, Epoch, Event, JobId, JobState, NodeId, may_report};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::apply_all;
use crate::market::Market;

/// Answers of one transaction.
const TOGETHER: usize = 256;

/// Nodes' yes to what they were assigned. Those that come while a transaction is under way are written by the next one,
/// together: a heap of placements is answered at once.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// At most one a stream: a node is not heard until its answer is written.
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

/// One that waits.
#[derive(Debug)]
struct Waiting {
    said: Said,
    written: oneshot::Sender<bool>,
}

/// Who takes what.
#[derive(Clone, Copy, Debug)]
struct Said {
    node: NodeId,
    attempt: AttemptId,
    epoch: Epoch,
}

/// Writes that a node took an attempt; says whether the attempt was still the node's to take.
///
/// # Errors
/// The database failed: it is not known whether it was written, and the node is to come back with a hello.
pub(super) async fn accept(
    market: &Market,
    node: NodeId,
    attempt: AttemptId,
    epoch: Epoch,
) -> Result<bool, ServerError> {
    let answers = &market.streams.answers;
    let (written, mut own) = oneshot::channel();
    answers.waiting.lock().push(Waiting { said: Said { node, attempt, epoch }, written });
    let _turn = answers.turn.lock().await;
    loop {
        match own.try_recv() {
            // by whoever had the turn
            Ok(taken) => return Ok(taken),
            Err(oneshot::error::TryRecvError::Closed) => {
                return Err(ServerError::Said("an answer could not be written with others".to_owned()));
            }
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        let batch: Vec<Waiting> = {
            let mut waiting = answers.waiting.lock();
            let size = waiting.len().min(TOGETHER);
            waiting.drain(..size).collect()
        };
        let said: Vec<Said> = batch.iter().map(|waiting| waiting.said).collect();
        let taken = write(market, &said).await?;
        for waiting in batch {
            let Said { node, attempt, .. } = waiting.said;
            let _ = waiting.written.send(taken.contains(&(attempt, node)));
        }
    }
}

/// Writes those that count, in one transaction: what was taken, and by whom.
async fn write(market: &Market, said: &[Said]) -> Result<HashSet<(AttemptId, NodeId)>, ServerError> {
    let now = market.now();
    let asked: Vec<Uuid> = said.iter().map(|said| said.attempt.uuid()).collect();
    let mut tx = market.begin().await?;
    // in one order, so that two servers never wait for each other
    let rows: Vec<(Uuid, Uuid, Uuid, i32)> = sqlx::query_as(
        "SELECT j.id, a.id, a.node_id, j.epoch FROM attempts a JOIN jobs j ON j.id = a.job_id AND j.attempt_id = a.id
         WHERE a.id = ANY($1) AND j.state = 'assigned' ORDER BY j.id FOR NO KEY UPDATE OF j",
    )
    .bind(asked)
    .fetch_all(&mut *tx)
    .await?;
    let (mut taken, mut jobs) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (job, attempt, node, epoch) in rows {
        let (attempt, node) = (AttemptId::from_uuid(attempt), NodeId::from_uuid(node));
        let current = Current { attempt, epoch: Epoch(u32::try_from(epoch).unwrap_or(0)) };
        let counts =
            |said: &&Said| said.node == node && may_report(Some(current), said.attempt, said.epoch).is_ok();
        if said.iter().any(|said| counts(&said)) {
            taken.push((attempt, node));
            jobs.push((JobId::from_uuid(job), current.epoch));
        }
    }
    if taken.is_empty() {
        return Ok(HashSet::new());
    }
    let attempts: Vec<Uuid> = taken.iter().map(|(attempt, _)| attempt.uuid()).collect();
    sqlx::query(
        "WITH counted AS (UPDATE jobs SET attempts_used = attempts_used + 1 WHERE id = ANY($3))
         UPDATE attempts SET accepted_at = $2 WHERE id = ANY($1)",
    )
    .bind(attempts)
    .bind(now.0)
    .bind(jobs.iter().map(|(job, _)| job.uuid()).collect::<Vec<Uuid>>())
    .execute(&mut *tx)
    .await?;
    apply_all(&mut tx, &jobs, (JobState::Assigned, Event::Preparing), now, "the node took it").await?;
    // its beats name it from now on
    for (attempt, node) in &taken {
        market.streams.works_on(*node, *attempt);
    }
    tx.commit().await?;
    Ok(taken.into_iter().collect())
}
