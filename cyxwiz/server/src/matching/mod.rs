//! Which job goes to which node: first come, first served among what matches.
//!
//! ```text
//! queue, free places ─► one server at a time (advisory lock) ─► cyxwiz_model::place ─► one transaction for the round:
//!                                                                attempts, jobs, events, outbox rows, hints to nodes
//! ```

mod cloud;
mod offers;
mod round;

use std::time::Duration;

pub use cloud::cloud_price;
pub use offers::{OfferBook, Offered};
pub use round::round;

use crate::market::Market;

/// How long a lost hint can delay a placement. Schedules open and close by the clock, too.
const EVERY: Duration = Duration::from_secs(1);

/// Places jobs until the server stops.
pub async fn run(market: Market) {
    let drain = market.ground.drain.clone();
    let matching = async {
        loop {
            match round(&market).await {
                // there may be more where a whole round was placed
                Ok(placed) if placed >= round::ROUND => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error.chain = crate::refusal::chain_of(&error), "a matching round failed");
                }
            }
            tokio::select! {
                () = market.bus.queue.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    };
    tokio::select! {
        () = matching => {}
        () = drain.started() => {}
    }
}
