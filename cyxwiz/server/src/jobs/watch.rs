use std::collections::VecDeque;
use std::time::Duration;

use buffa::Message as _;
use connectrpc::ConnectError;
use cyxwiz_model::{JobId, JobState};
use cyxwiz_proto::v1;
use futures::Stream;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::{events, row, view};
use crate::auth::HeldSession;
use crate::market::{Market, timestamp};
use crate::nodes::attempt;
use crate::{Buyer, Refusal, ServerError};

/// How often a run's cost is told, and how long a lost hint can delay anything.
const EVERY: Duration = Duration::from_secs(1);

/// A job that is followed.
struct Follower {
    market: Market,
    job: JobId,
    seq: u64,
    ready: VecDeque<v1::WatchJobResponse>,
    hints: watch::Receiver<u64>,
    session: HeldSession,
    ticks: tokio::time::Interval,
    cost: Option<v1::Cost>,
    over: bool,
}

/// Follows a job: what happened after `after`, then what happens, until it is terminal.
pub(super) fn follow(
    market: &Market,
    buyer: &Buyer,
    job: JobId,
    after: u64,
) -> impl Stream<Item = Result<v1::WatchJobResponse, ConnectError>> + Send + use<> {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower {
        market: market.clone(),
        job,
        seq: after,
        ready: VecDeque::new(),
        hints: market.bus.job(job),
        session: market.ground.sessions.hold(buyer.session),
        ticks,
        cost: None,
        over: false,
    };
    futures::stream::unfold(Some(follower), async |state| {
        let mut follower = state?;
        match follower.next().await {
            Ok(Some(event)) => Some((Ok(event), Some(follower))),
            Ok(None) => None,
            Err(refusal) => Some((Err(refusal.into()), None)),
        }
    })
}

impl Follower {
    async fn next(&mut self) -> Result<Option<v1::WatchJobResponse>, Refusal> {
        loop {
            if self.session.is_over() {
                return Err(self.session.over().await);
            }
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.over {
                return Ok(None);
            }
            self.read().await?;
            if !self.ready.is_empty() || self.over {
                continue;
            }
            tokio::select! {
                // numbered events come with hints; a tick tells the cost and makes good for a lost hint
                _ = self.hints.changed() => {}
                _ = self.ticks.tick() => self.sample().await?,
                refusal = self.session.over() => return Err(refusal),
                () = self.market.ground.drain.started() => return Err(Refusal::draining()),
            }
        }
    }

    async fn read(&mut self) -> Result<(), ServerError> {
        self.hints.mark_unchanged();
        // the state is read first: an event that comes after a terminal state is none of this job's
        let state: Option<String> = sqlx::query_scalar("SELECT state FROM jobs WHERE id = $1")
            .bind(crate::db::DbId::uuid(&self.job))
            .fetch_optional(self.market.pool())
            .await?;
        let terminal = state.is_none_or(|word| word.parse().is_ok_and(JobState::is_terminal));
        let found = events::after(self.market.pool(), self.job, self.seq).await?;
        if let Some(last) = found.last() {
            self.seq = last.seq;
        } else if terminal {
            self.over = true;
        }
        self.ready.extend(found);
        Ok(())
    }

    /// Cost and use of a run, where there is one and they changed.
    async fn sample(&mut self) -> Result<(), ServerError> {
        let pool = self.market.pool();
        let Some(job) = row::by_id(pool, self.job).await? else { return Ok(()) };
        let current = match job.attempt {
            Some(id) => attempt(pool, id).await?,
            None => None,
        };
        let now = self.market.now();
        let at = timestamp(now);
        let cost = view::cost(&job, current.as_ref().map(|attempt| attempt.counted(now)));
        if self.cost.as_ref() != Some(&cost) {
            self.cost = Some(cost.clone());
            let event = v1::WatchJobResponse {
                at: at.clone().into(),
                event: Some(cost.into()),
                ..Default::default()
            };
            self.ready.push_back(event);
        }
        let usage = current.filter(|_| job.state == JobState::Running).map(|attempt| attempt.usage);
        if let Some(usage) = usage
            .filter(|usage| !usage.is_empty())
            .and_then(|bytes| v1::Usage::decode_from_slice(&bytes).ok())
        {
            let event =
                v1::WatchJobResponse { at: at.into(), event: Some(usage.into()), ..Default::default() };
            self.ready.push_back(event);
        }
        Ok(())
    }
}
