//! `kill -9` at random points under load, and while the node takes up what it had. What was acknowledged, and
//! what was shown to end, is kept outside of the node; after the storm it is compared with what the node knows.
//!
//! ```text
//! plan of a task ─► caller ──submit, cancel, wait──► node ◄── kill ── moment (under load · within the start)
//!                     │                               │
//!                     └─► told (a file) ──compare─────┘
//! ```

mod caller;
mod compare;
mod dice;
mod kills;
mod moment;
mod plan;
mod told;

pub(super) use self::{kills::storm, plan::Mix};

#[tokio::test]
async fn twenty_five_kills_lose_and_repeat_nothing() {
    storm(25, Mix::All).await;
}

#[tokio::test]
async fn fifteen_kills_of_what_runs_ahead_forget_nothing_that_was_shown() {
    storm(15, Mix::Ahead).await;
}
