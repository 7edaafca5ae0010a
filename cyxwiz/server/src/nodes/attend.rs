use std::collections::HashSet;
use std::time::Duration;

use connectrpc::{ConnectError, InboundStream};
use cyxwiz_model::{AttemptId, BEAT_EVERY, Epoch, JobState, NodeId, Reason, may_report};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::attend_request::Message as Said;
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::answers::accept;
use super::attempt::{Attempt, attempt, open_attempts};
use super::deliver::{deliver, response};
use super::finish::{End, finish};
use crate::auth::HeldSession;
use crate::db::DbId as _;
use crate::jobs::lock;
use crate::market::{Market, duration};
use crate::{NodeCaller, Refusal, ServerError};

/// Messages that wait for a node. Each attempt needs two; a node has at most 64 places.
const WAITING: usize = 256;
/// How long a stream may be open without a hello.
const HELLO: Duration = Duration::from_secs(10);
/// A stream that is silent for so long is not there any more; the node's beats are awaited every few seconds.
const SILENCE: Duration = Duration::from_secs(60);
/// Attempts that a hello may name.
const MAX_ATTEMPTS: usize = 1000;

/// Serves a node's stream.
pub(super) fn attend(
    market: &Market,
    caller: &NodeCaller,
    requests: InboundStream<v1::AttendRequest>,
) -> impl Stream<Item = Result<v1::AttendResponse, ConnectError>> + Send + use<> {
    let (answers, stream) = mpsc::channel(WAITING);
    let (ends, end) = mpsc::channel(1);
    let (market, node) = (market.clone(), caller.node);
    let mut session = market.ground.sessions.hold(caller.session);
    tokio::spawn(async move {
        if let Err(refusal) = serve(&market, node, &mut session, requests, answers).await {
            let _ = ends.send(refusal).await;
        }
    });
    let end = ReceiverStream::new(end).map(|refusal| Err(ConnectError::from(refusal)));
    ReceiverStream::new(stream).map(Ok).chain(end)
}

async fn serve(
    market: &Market,
    node: NodeId,
    session: &mut HeldSession,
    mut requests: InboundStream<v1::AttendRequest>,
    answers: mpsc::Sender<v1::AttendResponse>,
) -> Result<(), Refusal> {
    let first = tokio::time::timeout(HELLO, requests.next()).await;
    let first = first.ok().flatten().transpose().map_err(|_| no_hello())?.ok_or_else(no_hello)?;
    let Some(Said::Hello(hello)) = first.to_owned_message().message else { return Err(no_hello()) };
    let (works_on, dropped) = greet(market, node, &hello).await?;
    let welcome = v1::Welcome {
        beat_every: duration(BEAT_EVERY).into(),
        dropped_attempt_ids: dropped.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    // who is welcomed stands by already
    market.streams.seen(node, market.now());
    super::beats::flush(market).await?;
    let _ = answers.try_send(response(welcome));
    let serial = market.streams.take(node, works_on, answers);
    deliver(market, &[node]).await?;
    crate::db::notify(market.pool(), crate::market::QUEUE, "").await?;
    let ended = listen(market, node, serial, session, &mut requests).await;
    if market.streams.drop_stream(node, serial) {
        sqlx::query("UPDATE node_beats SET server_id = NULL WHERE node_id = $1 AND server_id = $2")
            .bind(node.uuid())
            .bind(market.server)
            .execute(market.pool())
            .await?;
    }
    ended
}

fn no_hello() -> Refusal {
    Refusal::field("hello", "the first message of a stream is a hello")
}

async fn listen(
    market: &Market,
    node: NodeId,
    serial: u64,
    session: &mut HeldSession,
    requests: &mut InboundStream<v1::AttendRequest>,
) -> Result<(), Refusal> {
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(SILENCE, requests.next()) => next,
            refusal = session.over() => return Err(refusal),
            () = market.ground.drain.started() => return Err(Refusal::draining()),
        };
        let Ok(Some(Ok(message))) = next else { return Ok(()) };
        if !market.streams.is_held(node, serial) {
            return Ok(());
        }
        match message.to_owned_message().message {
            Some(Said::Beat(mut beat)) => {
                market.streams.own(node, &mut beat);
                market.streams.beat(node, &beat, market.now());
                let pulse = v1::Pulse { seq: beat.seq, ..Default::default() };
                market.streams.send(node, response(pulse));
            }
            Some(Said::Answer(answer)) => take_answer(market, node, &answer).await?,
            Some(Said::Hello(_)) | None => return Err(no_hello()),
        }
    }
}

/// Compares what a node says that it works on with the tables: what it works on rightly, and what it is to drop. What
/// it took and does not know any more has failed.
async fn greet(
    market: &Market,
    node: NodeId,
    hello: &v1::Hello,
) -> Result<(HashSet<AttemptId>, Vec<AttemptId>), Refusal> {
    if hello.attempt_ids.len() > MAX_ATTEMPTS {
        return Err(Refusal::field("attempt_ids", format!("at most {MAX_ATTEMPTS}")));
    }
    let said: HashSet<AttemptId> = hello.attempt_ids.iter().filter_map(|id| id.parse().ok()).collect();
    let open = open_attempts(market.pool(), &[node]).await?;
    let rightly: HashSet<AttemptId> =
        open.iter().map(|attempt| attempt.id).filter(|id| said.contains(id)).collect();
    for attempt in open.iter().filter(|attempt| attempt.accepted_at.is_some() && !said.contains(&attempt.id))
    {
        let message = "the node came back without the run";
        close(market, attempt, Reason::NodeLost, message).await?;
    }
    let dropped = said.difference(&rightly).copied().collect();
    Ok((rightly, dropped))
}

/// Ends an attempt that its node cannot end itself.
async fn close(market: &Market, found: &Attempt, reason: Reason, message: &str) -> Result<(), ServerError> {
    let now = market.now();
    let mut tx = market.begin().await?;
    let Some(mut job) = lock(&mut tx, found.job).await? else { return Ok(()) };
    if may_report(job.current(), found.id, found.epoch).is_ok() && job.state.has_node() {
        finish(market, &mut tx, &mut job, found, End::by_server(reason, message), now).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn take_answer(market: &Market, node: NodeId, answer: &v1::Answer) -> Result<(), Refusal> {
    let Ok(id) = answer.attempt_id.parse::<AttemptId>() else {
        return Err(Refusal::field("attempt_id", "no id of an attempt"));
    };
    let epoch = Epoch(answer.epoch);
    let heard = if answer.accepted {
        accept(market, node, id, epoch).await?
    } else {
        decline(market, (node, id, epoch), answer).await?
    };
    if !heard {
        // an answer to what is no longer asked: the node learns it from its next delivery
        deliver(market, &[node]).await?;
    }
    Ok(())
}

/// Writes that a node does not take an attempt; says whether it was still the node's to take.
async fn decline(
    market: &Market,
    (node, id, epoch): (NodeId, AttemptId, Epoch),
    answer: &v1::Answer,
) -> Result<bool, ServerError> {
    let now = market.now();
    let Some(found) = attempt(market.pool(), id).await? else { return Ok(false) };
    let mut tx = market.begin().await?;
    let Some(mut job) = lock(&mut tx, found.job).await? else { return Ok(false) };
    let stale = found.node != node || may_report(job.current(), id, epoch).is_err();
    if stale || job.state != JobState::Assigned {
        return Ok(false);
    }
    let reason: String = answer.reason.chars().take(200).collect();
    let message = if answer.busy {
        format!("the node has no place yet: {reason}")
    } else {
        format!("the node refused it: {reason}")
    };
    sqlx::query("UPDATE attempts SET busy = $2 WHERE id = $1")
        .bind(id.uuid())
        .bind(answer.busy)
        .execute(&mut *tx)
        .await?;
    finish(market, &mut tx, &mut job, &found, End::by_server(Reason::NodeError, &message), now).await?;
    tx.commit().await?;
    Ok(true)
}
