//! One class of start, or one load, a file.

mod boot;
mod cancel;
mod cold;
mod neighbour;
mod oci;
mod queue;
mod telemetry;
mod throughput;
mod warm;

use serde::Serialize;

pub(crate) use self::{
    boot::{Boot, boot},
    cancel::cancel,
    cold::{Cold, cold},
    neighbour::{Neighbour, neighbour},
    oci::{Oci, oci},
    queue::{QueueRun, queue},
    telemetry::{Telemetry, telemetry},
    throughput::{Throughput, throughput},
    warm::warm,
};
use crate::{breakdown::Breakdown, samples::Latency};

/// One class, by promise.
#[derive(Serialize)]
pub(crate) struct Class {
    pub(crate) durable: Latency,
    pub(crate) volatile: Latency,
    /// What the node's spans tell of it.
    pub(crate) steps: Breakdown,
}
