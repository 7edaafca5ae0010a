//! One class of start, or one load, a file.

mod boot;
mod cancel;
mod cold;
mod neighbour;
mod queue;
mod telemetry;
mod throughput;
mod warm;

use serde::Serialize;

pub(crate) use self::{
    boot::boot,
    cancel::cancel,
    cold::{Cold, cold},
    neighbour::{Neighbour, neighbour},
    queue::{QueueRun, queue},
    telemetry::{Telemetry, telemetry},
    throughput::{Throughput, throughput},
    warm::warm,
};
use crate::samples::Latency;

/// One class, by promise.
#[derive(Serialize)]
pub(crate) struct Class {
    pub(crate) durable: Latency,
    pub(crate) volatile: Latency,
}
