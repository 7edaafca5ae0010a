use std::{sync::atomic::AtomicU64, time::Duration};

use parking_lot::Mutex;
use vyr_model::{BindMode, TaskId, TaskSpec, TaskState, TraceId};
use vyr_runtime::{Cancel, Short, Used};
use vyr_state::Binding;
use vyr_store::VerifiedArtifact;
use vyr_telemetry::{Stamp, StartClass, TaskEvent, TaskTrace};

use super::Ending;

use crate::output::Spool;

/// One task that has not ended.
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) spec: TaskSpec,
    /// `None` where a restart found it gone: the task then ends at once.
    pub(crate) artifact: Option<VerifiedArtifact>,
    pub(crate) idempotency_key: String,
    pub(crate) accepted: Stamp,
    pub(crate) cancel: Cancel,
    /// What its guest uses, as far as its executor tells.
    pub(crate) used: Used,
    pub(crate) stdout: Spool,
    pub(crate) stderr: Spool,
    pub(crate) trace_id: TraceId,
    pub(crate) trace: Mutex<TaskTrace>,
    pub(crate) phase: Mutex<Phase>,
    /// An end that goes to the disk in the same write as the submit: whoever hears first that it is there
    /// tells of it.
    pub(crate) ending: Mutex<Option<Ending>>,
    /// While it counts as short: until it has ended, or computes for long.
    pub(crate) short: Mutex<Option<Short>>,
    /// Its ticket while it waits in the queue; 0 before. Changed under the queue's lock.
    pub(crate) ticket: AtomicU64,
    /// Held by one `BindState` at a time: what is open stays so until it is recorded.
    pub(crate) binding: tokio::sync::Mutex<()>,
}

/// What changes in a task's life. Whoever holds the lock may move it.
pub(crate) struct Phase {
    pub(crate) state: TaskState,
    pub(crate) attempts: u32,
    pub(crate) bindings: Vec<Bound>,
    pub(crate) queued: Stamp,
    pub(crate) started: Option<Stamp>,
    pub(crate) ended: Option<Stamp>,
    pub(crate) cpu: Duration,
    /// How it started, once it has.
    pub(crate) class: Option<StartClass>,
    /// What nobody heard yet, since the submit is not in the record; `None` once the task is listed.
    pub(crate) untold: Option<Vec<TaskEvent>>,
}

/// A binding and, once it is there, the state.
pub(crate) struct Bound {
    pub(crate) name: String,
    pub(crate) mode: BindMode,
    pub(crate) state: Option<Binding>,
}

impl Task {
    /// Returns the artifact's name.
    pub(crate) fn name(&self) -> Option<&str> {
        self.artifact.as_ref()?.manifest.name.as_deref()
    }
}

impl Phase {
    /// Tells whether the task waits for `BindState`.
    pub(crate) fn is_held(&self) -> bool {
        self.state == TaskState::Queued && self.open_bindings() > 0
    }

    /// Returns how many bindings still name no state.
    pub(crate) fn open_bindings(&self) -> usize {
        self.bindings.iter().filter(|bound| bound.state.is_none()).count()
    }

    /// Finds the open binding that `name` means: that one, or the only one when it is empty.
    pub(crate) fn open_binding(&mut self, name: &str) -> Option<&mut Bound> {
        let only = self.open_bindings() == 1;
        self.bindings
            .iter_mut()
            .filter(|bound| bound.state.is_none())
            .find(|bound| bound.name == name || (name.is_empty() && only))
    }

    /// Takes the bound states out, for the executor.
    pub(crate) fn take_states(&mut self) -> Vec<(String, Binding)> {
        std::mem::take(&mut self.bindings)
            .into_iter()
            .filter_map(|bound| Some((bound.name, bound.state?)))
            .collect()
    }
}
