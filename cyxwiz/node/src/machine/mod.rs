//! What this machine has, and how fast it is.
//!
//! ```text
//! hardware (sysinfo) ─┐
//! gpu (NVML)         ─┼─► Hardware of the wire, with the owner's limits
//! engine (containers)─┘        benchmark ─► the answer to the server's
//! ```

mod benchmark;
mod gpu;
mod hardware;

pub(crate) use benchmark::run as run_benchmark;
pub(crate) use gpu::Gpus;
pub(crate) use hardware::{Machine, free_disk_mib};
