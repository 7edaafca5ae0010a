//! The node's metrics.
//!
//! ```text
//!   hot path ──atomic add──► Counts ◄─read── observers ─┐
//!   hot path ──bound record─► histograms ───────────────┼─► reader ─► MetricsData (StreamMetrics)
//!   RSS, CPU, queue, states, record, export: callbacks ─┘          └► Exporter (OTLP, at an interval)
//! ```

mod counts;
mod process;
mod registry;

pub use counts::StartClass;
pub use registry::{Metrics, Observed};
