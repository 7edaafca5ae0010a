use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use vyr_model::{BindMode, BindingSpec, StateId, TaskId, TaskSpec, TaskState};
use vyr_runtime::Cancel;
use vyr_state::Binding;
use vyr_telemetry::{Stamp, TaskTrace};

use crate::{artifacts::Artifact, output::Spool};

/// One task that has not ended.
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) spec: TaskSpec,
    pub(crate) artifact: Arc<Artifact>,
    pub(crate) idempotency_key: String,
    pub(crate) accepted: Stamp,
    pub(crate) cancel: Cancel,
    pub(crate) stdout: Spool,
    pub(crate) stderr: Spool,
    pub(crate) phase: Mutex<Phase>,
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
    pub(crate) trace: TaskTrace,
    /// The sequence number of the record's last entry of this task.
    pub(crate) recorded: Option<vyr_telemetry::record::Appended>,
}

/// A binding and, once it is there, the state.
pub(crate) struct Bound {
    pub(crate) name: String,
    pub(crate) mode: BindMode,
    pub(crate) state: Option<Binding>,
}

impl Bound {
    pub(crate) fn open(spec: &BindingSpec) -> Self {
        Self { name: spec.name.clone(), mode: spec.mode, state: None }
    }
}

impl Phase {
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

/// Lists the states that a spec names, with the mode of each.
pub(crate) fn named_states(spec: &TaskSpec) -> Vec<(StateId, BindMode)> {
    spec.bindings.iter().filter_map(|binding| Some((binding.state?, binding.mode))).collect()
}
