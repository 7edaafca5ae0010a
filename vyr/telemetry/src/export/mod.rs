//! Sends finished traces and metrics to an OpenTelemetry collector.
//!
//! ```text
//!   offer(ended), record(span) ─encoded─► queue (bounded by spans; full: dropped and counted) ──► batch ──► collector
//!                                                                                   └─ retry, backing off
//! ```
//! Without a collector there is no queue and no task: an offer costs one branch.

mod grpc;
mod handle;
mod http;
mod options;
mod sender;
mod service;
mod target;
mod tls;

pub use handle::ExportHandle;
pub use options::{ExportError, ExportOptions, ExportProtocol};
pub use service::ExportService;
