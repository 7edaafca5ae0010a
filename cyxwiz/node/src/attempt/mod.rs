//! One attempt, from its assignment to its last report.
//!
//! ```text
//!           ┌ prepare: files, image, requirements
//! Handle ─► ┤ execute: VYR task ─┬─ follow (stdout, stderr), metrics ─► spool ─► journal ─► PushLogs
//!  (stop)   │                    ├─ checkpoints ─► tus ─► report
//!           │                    └─ disk, time, orders ─► cancel
//!           └ publish: outputs ─► tus, report, clean up          reporter ─► journal ─► ReportAttempt
//! ```

mod checkpoint;
mod execute;
mod guard;
mod handle;
mod metrics;
mod prepare;
mod publish;
mod reporter;
mod room;
mod run;
mod script;
mod snapshot;
mod spool;

pub(crate) use handle::Handle;
pub(crate) use room::remove;
pub(crate) use run::{Start, run};
