use std::time::Duration;

use vyr_model::Terminal;
use vyr_proto::control::TaskStatus;
use vyr_telemetry::{StartClass, record::Entry};

/// The end of a task, before anybody has heard of it.
pub(crate) struct Ending {
    pub(crate) terminal: Terminal,
    pub(crate) class: Option<StartClass>,
    pub(crate) wall: Duration,
    pub(crate) status: TaskStatus,
    /// The `Ended` that belongs into the record.
    pub(crate) entry: Entry,
}
