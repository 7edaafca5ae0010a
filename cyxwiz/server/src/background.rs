//! The tasks that run beside the calls. Each ends by itself once [`crate::Drain`] says so.

use tokio::task::JoinSet;

use crate::Ground;

/// Starts them all.
pub fn start(ground: &Ground, tasks: &mut JoinSet<()>) {
    let _ = (ground, tasks);
}
