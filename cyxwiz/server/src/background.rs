//! The tasks that run beside the calls. Each ends by itself once [`crate::Drain`] says so.

use std::future::Future;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinSet;

use crate::market::Market;
use crate::refusal::chain_of;
use crate::{Ground, ServerError, auth, backup, matching, payments, traces, verify, watch};

/// How often what nobody needs any more is taken away.
const SWEEP: Duration = Duration::from_secs(60);

/// Starts them all.
pub fn start(ground: &Ground, market: &Market, options: &PgConnectOptions, tasks: &mut JoinSet<()>) {
    tasks.spawn(matching::run(market.clone()));
    tasks.spawn(payments::run(market.clone()));
    tasks.spawn(verify::run(market.clone()));
    tasks.spawn(traces::run(market.clone()));
    tasks.spawn(watch::run(market.clone()));
    tasks.spawn(watch::deliver(market.clone()));
    let swept = ground.clone();
    tasks.spawn(every(ground.clone(), SWEEP, "sweep", move || {
        let ground = swept.clone();
        async move {
            ground.limits.sweep();
            auth::sweep(&ground.db, ground.clock.now()).await?;
            ground.files.sweep().await?;
            traces::sweep(&ground.db, ground.clock.now()).await?;
            Ok(())
        }
    }));
    let held = ground.clone();
    tasks.spawn(every(ground.clone(), auth::LOOK_AT_HELD, "sessions of streams", move || {
        let ground = held.clone();
        async move { ground.sessions.look(&ground.db, ground.clock.now()).await }
    }));
    let (backed_up, options) = (ground.clone(), options.clone());
    tasks.spawn(every(ground.clone(), SWEEP, "backup", move || {
        let (ground, options) = (backed_up.clone(), options.clone());
        async move { backup::turn(&ground, &options).await }
    }));
}

/// Does something again and again until the server stops. What fails is logged and tried again at the next turn.
pub async fn every<F, T>(ground: Ground, period: Duration, name: &'static str, mut turn: F)
where
    F: FnMut() -> T + Send,
    T: Future<Output = Result<(), ServerError>> + Send,
{
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = ground.drain.started() => return,
        }
        if let Err(error) = turn().await {
            tracing::warn!(
                task = name,
                error.chain = chain_of(&error),
                "a background task failed; it goes on"
            );
        }
    }
}
