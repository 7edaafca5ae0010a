//! Spans, sent to a collector where one is named: of every call, and of a job's whole way.
//!
//! ```text
//! traceparent ─► CallTrace (a call's own span) ─► handlers ───────────────┐
//!                    └─ CreateJob: the job's trace                        ├─► Traces ─► queue ─► OTLP
//! rows that end (job, attempt, verification, payment) ─► spans_due ─► due ┘
//! ```
//! The ids of a job's spans follow from the ids of what they tell of (`cyxwiz_model::job_span` and others), and the rows
//! say when it began and ended: whichever server takes it on tells the same. A full queue drops spans and counts them:
//! what a collector does never slows a call down.

mod attr;
mod call;
mod due;
mod sender;
mod told;

pub(crate) use call::span;
pub(crate) use due::{close, rerun, run, sweep};

pub use call::CallTrace;
pub use sender::Traces;
