//! Tests of `vyr-telemetry` from outside. `full::` is the heavy part: child processes that are
//! killed, a disk that fills, and a real OTLP receiver.

mod coverage;
mod full;
mod hub;
mod metrics;
mod otlp;
mod record;
mod support;
mod traceparent;
