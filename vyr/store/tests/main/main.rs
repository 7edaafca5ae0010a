//! The store against real files, real processes and the real tools that share its formats.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its assumption does"
)]

mod aot;
mod artifact;
mod blobs;
mod concurrent;
mod crash;
mod fixture;
mod full;
mod housekeeping;
mod messages;
mod no_room;
mod opening;
mod process;
mod tools;
mod trust;
mod vectors;
