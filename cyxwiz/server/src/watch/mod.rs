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

use std::collections::HashSet;
use std::time::Duration;

use cyxwiz_model::NodeId;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
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

/// Nodes that are told something at once: what they are told is read by a handful of statements.
const TOLD_TOGETHER: usize = 256;
/// How long to wait before a delivery that failed is tried once more.
const AGAIN: Duration = Duration::from_millis(500);

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

/// Hands nodes what the hints say until the server stops. What comes while some are told is told together after them.
pub async fn deliver(market: Market) {
    let drain = market.ground.drain.clone();
    let mut hints = market.bus.nodes();
    let delivering = async {
        while let Some(nodes) = named(&mut hints, || market.streams.nodes()).await {
            let nodes: Vec<NodeId> = nodes.into_iter().collect();
            for nodes in nodes.chunks(TOLD_TOGETHER) {
                let delivered = crate::nodes::deliver(&market, nodes).await;
                if delivered.is_err() {
                    said("a delivery", delivered);
                    // hints do not come again
                    tokio::time::sleep(AGAIN).await;
                    said("a delivery", crate::nodes::deliver(&market, nodes).await);
                }
            }
        }
    };
    tokio::select! {
        () = delivering => {}
        () = drain.started() => {}
    }
}

/// The nodes of the next hint and of all that wait behind it; `all` where some were missed. None: no hints come any more.
async fn named(
    hints: &mut broadcast::Receiver<Option<NodeId>>,
    all: impl Fn() -> Vec<NodeId>,
) -> Option<HashSet<NodeId>> {
    let mut nodes = HashSet::new();
    let mut next = hints.recv().await;
    loop {
        match next {
            Ok(Some(node)) => {
                nodes.insert(node);
            }
            Ok(None) | Err(RecvError::Lagged(_)) => nodes.extend(all()),
            Err(RecvError::Closed) => return None,
        }
        next = match hints.try_recv() {
            Ok(hint) => Ok(hint),
            Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
            Err(TryRecvError::Empty) => return Some(nodes),
            Err(TryRecvError::Closed) => Err(RecvError::Closed),
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hints_that_wait_are_told_together_and_missed_ones_name_everybody() {
        let (sender, mut hints) = broadcast::channel(4);
        let nodes: Vec<NodeId> = (0..8).map(|_| NodeId::generate()).collect();
        let everybody = || nodes.clone();
        for node in nodes.iter().take(2).chain(nodes.first()) {
            sender.send(Some(*node)).unwrap();
        }
        let named_now = named(&mut hints, everybody).await.unwrap();
        assert_eq!(named_now, nodes.iter().take(2).copied().collect());
        sender.send(None).unwrap();
        assert_eq!(named(&mut hints, everybody).await.unwrap().len(), 8);
        for _ in 0..9 {
            sender.send(nodes.first().copied()).unwrap();
        }
        assert_eq!(named(&mut hints, everybody).await.unwrap().len(), 8);
        drop(sender);
        assert_eq!(named(&mut hints, everybody).await, None);
    }
}
