//! Traces and metrics at a collector that nobody here wrote.

pub(crate) mod collector;
mod full;
mod outage;
mod spans;
mod tls;
