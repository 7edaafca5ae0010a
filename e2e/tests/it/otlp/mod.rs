//! Traces and metrics at a collector that nobody here wrote.

mod collector;
mod full;
mod outage;
mod spans;
mod tls;
