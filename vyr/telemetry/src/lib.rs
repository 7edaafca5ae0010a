//! What a node remembers and tells: spans, metrics, the durable task record, live streams, OTLP.
//!
//! ```text
//!   code sites ──passed(edge)──► Coverage (independent counters) ──► Metrics
//!        │
//!        └─record(edge,start,end)─► TaskTrace ─► Ended ─┬─► Record   (durable; recovery, history)
//!                                                      ├─► Hub      (live streams, never blocks)
//!                                                      └─► Exporter (OTLP to a collector)
//! ```
//! `Ended` is the one form of a finished task's spans: the record keeps it, the hub shows it and
//! [`otlp`] turns it into OTLP. The trace is the record.

pub mod attr;
mod coverage;
mod edge;
mod export;
mod finished;
mod ids;
mod live;
pub mod logs;
mod metrics;
pub mod otlp;
pub mod record;
mod resource;
mod span;
mod stamp;
mod traceparent;

pub use coverage::{Coverage, CoverageReport, explained_nanos};
pub use edge::Edge;
pub use export::{ExportError, ExportHandle, ExportOptions, ExportProtocol, ExportService};
pub use finished::FinishedSpan;
pub use ids::{new_span_id, new_trace_id};
pub use live::{Filter, FilterError, Hub, HubFull, HubOptions, Received, Subscription, TaskEvent, TaskKey};
pub use metrics::{Metrics, Observed, StartClass};
pub use resource::NodeResource;
pub use span::{SpanRecord, TaskTrace, Value};
pub use stamp::Stamp;
pub use traceparent::{TraceParent, TraceParentError};
