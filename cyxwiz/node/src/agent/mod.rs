//! The agent: attends the server, takes work, answers for it.
//!
//! ```text
//! options ─► start: lock, journal, VYR node, sweep ─► recover ─► run(shutdown)
//!                                                                  ├─ enrol (at start, and when the file changes)
//!                                                                  ├─ attend: beats, assignments, stops; reconnects
//!                                                                  └─ one task an attempt
//! ```

mod accept;
mod attend;
mod enrol;
mod keep;
mod recover;
mod service;
mod tools;

pub(crate) use enrol::{enrolment, run_due_benchmark};
pub(crate) use service::Agent;
pub(crate) use tools::Tools;
