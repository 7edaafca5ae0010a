//! What nodes do: enrol, prove their hardware, stand by on a stream, run attempts and report.
//!
//! ```text
//! enrol ─► benchmark ─► attend (beats ─► Beats ─► soon to the tables; assignments and stops back)
//!                          report, logs ─► one transaction each, fenced by the attempt's epoch ─► finish ─► who pays
//! ```

mod answers;
mod assignment;
mod attempt;
mod attend;
mod band;
mod beats;
mod bench;
mod deliver;
mod earnings;
mod enrol;
mod finish;
mod gpus;
mod judge;
mod logs;
mod manifest;
mod places;
mod report;
mod service;
mod status;
mod streams;

pub use attempt::{Attempt, attempt, attempts_of, open_attempts};
pub use beats::flush;
pub use finish::{End, finish, finish_early, order_stop, overturn};
pub use manifest::{Manifest, check_manifest};
pub use places::{Place, places};
pub use service::Nodes;
pub use streams::Streams;

pub(crate) use attempt::attempts;
pub(crate) use bench::{canary, expire, to_try_again};
pub(crate) use deliver::deliver;
