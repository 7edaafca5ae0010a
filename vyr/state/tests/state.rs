//! The kernel as its users see it.
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

#[path = "state/atomics.rs"]
mod atomics;
#[path = "state/clock.rs"]
mod clock;
#[path = "state/life.rs"]
mod life;
#[path = "state/limits.rs"]
mod limits;
#[path = "state/model.rs"]
mod model;
