//! What must happen although nobody says so. Each looks into the tables, so that a server that starts sees what the
//! one before it left; each change is one transaction, so that several servers may look at once.
//!
//! | every | what |
//! |---|---|
//! | second | beats to the tables, silent nodes, budgets, time-outs, attempts that never start, settlements that are due |
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
use tokio::time::{MissedTickBehavior, interval};

use crate::ServerError;
use crate::market::Market;
use crate::refusal::chain_of;

const SECOND: Duration = Duration::from_secs(1);
/// Rows that one look takes on; the next look takes the rest.
const AT_ONCE: i64 = 500;

/// Nodes that are told something at once: a fraction of the connections to the database.
const DELIVERIES: usize = 8;

/// Watches until the server stops.
pub async fn run(market: Market) {
    let drain = market.ground.drain.clone();
    let watching = async {
        let mut ticks = interval(SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            look(&market).await;
        }
    };
    tokio::select! {
        () = watching => {}
        () = drain.started() => {}
    }
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

/// One look at everything.
pub async fn look(market: &Market) {
    said("beats", crate::nodes::flush(market).await);
    said("silent nodes", silence::look(market).await);
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
