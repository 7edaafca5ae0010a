//! What must happen although nobody says so. Each looks into the tables, so that a server that starts sees what the
//! one before it left; each change is one transaction, so that several servers may look at once.
//!
//! | every | what |
//! |---|---|
//! | quarter of a second | beats to the tables, silent nodes |
//! | second | budgets, time-outs, attempts that never start, settlements that are due |
//! | minute | drafts and waiting jobs whose time is over, benchmarks again |

mod budget;
mod canaries;
mod deadlines;
mod due;
mod silence;
mod stalled;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Interval, MissedTickBehavior, interval};

use self::silence::Silence;
use crate::ServerError;
use crate::market::Market;
use crate::refusal::chain_of;

const SECOND: Duration = Duration::from_secs(1);
/// How late silence is seen at most; what is looked at in the tables each time is next to nothing.
const QUICK: Duration = Duration::from_millis(250);
/// Rows that one look takes on; the next look takes the rest.
const AT_ONCE: i64 = 500;

/// Nodes that are told something at once: a fraction of the connections to the database.
const DELIVERIES: usize = 8;

/// Watches until the server stops.
pub async fn run(market: Market) {
    let drain = market.ground.drain.clone();
    let watching = async {
        let mut ticks = every(SECOND);
        loop {
            ticks.tick().await;
            look(&market).await;
        }
    };
    // by itself: a look at budgets asks the chain, and may take long
    let listening = async {
        let (mut ticks, mut silence) = (every(QUICK), Silence::new());
        loop {
            ticks.tick().await;
            let flushed = crate::nodes::flush(&market).await;
            // whose beats could not be written is not silent
            let heard = flushed.is_ok();
            said("beats", flushed);
            if heard {
                said("silent nodes", silence.look(&market).await);
            }
        }
    };
    tokio::select! {
        () = watching => {}
        () = listening => {}
        () = drain.started() => {}
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Hands nodes what the hints say until the server stops.
pub async fn deliver(market: Market) {
    let drain = market.ground.drain.clone();
    let mut hints = market.bus.nodes();
    let places = Arc::new(Semaphore::new(DELIVERIES));
    let delivering = async {
        loop {
            let nodes = match hints.recv().await {
                Ok(Some(node)) => vec![node],
                // some were missed
                Ok(None) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => market.streams.nodes(),
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            };
            for node in nodes {
                // one node's delivery does not wait for another's
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let market = market.clone();
                tokio::spawn(async move {
                    said("a delivery", crate::nodes::deliver(&market, node).await);
                    drop(place);
                });
            }
        }
    };
    tokio::select! {
        () = delivering => {}
        () = drain.started() => {}
    }
}

/// One look at everything that may wait for a second.
async fn look(market: &Market) {
    said("attempts that stall", stalled::look(market).await);
    said("budgets", budget::look(market).await);
    said("settlements", due::look(market).await);
    said("figures", market.figures.read(market).await);
    said("deadlines", deadlines::look(market).await);
    said("benchmarks", canaries::look(market).await);
}

fn said(what: &str, done: Result<(), ServerError>) {
    if let Err(error) = done {
        tracing::warn!(what, error.chain = chain_of(&error), "a watchdog failed; it looks again");
    }
}
