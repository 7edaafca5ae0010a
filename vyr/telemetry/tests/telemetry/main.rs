//! Tests of `vyr-telemetry` from outside. `full::` is the heavy part: child processes that are
//! killed, a disk that fills, and a real OTLP receiver.
//!
//! (`cfg(test)` tells the lints that helper functions are tests too.)

#[cfg(test)]
mod coverage;
#[cfg(test)]
mod full;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod otlp;
#[cfg(test)]
mod record;
#[cfg(test)]
mod support;
#[cfg(test)]
mod traceparent;
