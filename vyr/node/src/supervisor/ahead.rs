//! Running ahead of the disk: a guest that nobody outside can notice starts while its own submit is still
//! being written down.
//!
//! ```text
//! submit ─► Accepted + Started ─►(waits a little)──────────┬─► one write, one sync ─► acknowledged, listed, ended
//!       └─► guest executes, nobody knows ─► Ended joins ───┘
//! ```
//! Until the sync is there the task is in no list, on no stream and in no answer; where the disk refuses, all
//! of it is forgotten and the submit is refused. What is acknowledged has its start on disk, as ever.

use std::{mem, sync::Arc};

use vyr_model::{BindMode, Durability, TaskSpec};
use vyr_telemetry::{
    Edge, Stamp,
    record::{Commit, Synced},
};

use super::{Supervisor, finish::End};
use crate::tasks::Task;

/// The start of a slot's first task, on its way to the record together with its submit.
pub(super) struct Begun {
    pub(super) synced: Synced,
    /// Whether the guest does not wait for it.
    pub(super) ahead: bool,
}

/// Tells whether a guest that gets nothing but what its task names leaves something behind that lasts
/// when the task is forgotten.
fn has_effects(spec: &TaskSpec) -> bool {
    let writes = spec.bindings.iter().any(|binding| binding.mode == BindMode::ReadWrite);
    // even what is only read may notice: a pipe, a mounted file system
    !spec.grants.dirs.is_empty() || !spec.grants.http_out.is_empty() || writes
}

impl Supervisor {
    /// Tells whether a task's guest may start before its submit is in the record.
    pub(super) fn may_run_ahead(&self, task: &Task) -> bool {
        let sealed = task.artifact.as_ref().is_some_and(|artifact| {
            let executor = self.executors.iter().find(|executor| executor.accepts(artifact.manifest.kind));
            executor.is_some_and(|executor| executor.seals())
        });
        task.spec.durability == Durability::Durable && sealed && !has_effects(&task.spec)
    }

    /// Says how the submit of a task that runs ahead is committed: one that will have ended at once lets its
    /// end join.
    pub(super) fn commit_ahead(&self, task: &Task) -> Commit {
        self.pace.patience(task.spec.artifact).map_or(Commit::Synced, Commit::Joinable)
    }

    /// Ends a task that was run; one that ran ahead ends only with its submit.
    pub(super) async fn finish_begun(&self, task: &Arc<Task>, mut end: End, begun: Option<Begun>) {
        let Some(Begun { mut synced, .. }) = begun else {
            self.finish(task, end).await;
            return;
        };
        if self.record.takes_more(&synced) {
            self.trace_commit(task, &mut end);
            let Some(ending) = self.end(task, end) else { return };
            let joined = self.record.join(&ending.entry, &synced);
            if let Ok(Some(_)) = joined {
                // whoever hears first of the one sync tells of the end
                *task.ending.lock() = Some(ending);
                let recorded = synced.await.is_ok();
                if recorded {
                    self.show_joined(task);
                } else if let Some(ending) = task.ending.lock().take() {
                    self.forget(task, ending);
                }
                return;
            }
            // the disk was quicker by a hair
            if synced.await.is_err() {
                self.forget(task, ending);
                return;
            }
            self.record_end(task, &ending.entry).await;
            self.show(task, ending);
            return;
        }
        if (&mut synced).await.is_err() {
            self.withdraw(task);
            return;
        }
        self.list(task);
        self.trace_commit(task, &mut end);
        self.finish(task, end).await;
    }

    /// Tells of an end that came to the disk with its submit, unless that was told already.
    pub(super) fn show_joined(&self, task: &Arc<Task>) {
        let ending = task.ending.lock().take();
        if let Some(ending) = ending {
            self.show(task, ending);
        }
    }

    /// Writes down how long the task waited for its start to be recorded, after it had run.
    fn trace_commit(&self, task: &Task, end: &mut End) {
        let ran = mem::replace(&mut end.from, Stamp::now());
        let tracer = self.tracer(task);
        tracer.passed(Edge::Commit);
        tracer.span_with(Edge::Commit, ran, end.from, |_| {});
    }
}

#[cfg(test)]
mod tests {
    use vyr_model::{BindingSpec, Digest, DirGrant, Grants, HttpOutGrant, Limits};

    use super::*;

    fn spec() -> TaskSpec {
        TaskSpec {
            artifact: Digest::of(b"program"),
            input: Some(Digest::of(b"input")),
            args: Vec::new(),
            bindings: Vec::new(),
            limits: Limits::default(),
            grants: Grants::default(),
            durability: Durability::Durable,
            idempotent: false,
            out_dir: true,
            trace_context: true,
            determinism: None,
        }
    }

    #[test]
    fn whatever_reaches_outside_has_effects() {
        assert!(!has_effects(&spec()));
        let binding = |mode| vec![BindingSpec { name: "s".into(), state: None, mode }];
        assert!(!has_effects(&TaskSpec { bindings: binding(BindMode::ReadOnly), ..spec() }));
        assert!(has_effects(&TaskSpec { bindings: binding(BindMode::ReadWrite), ..spec() }));
        let dir = DirGrant { host_path: "/d".into(), guest_path: "/d".into(), read_only: true };
        assert!(has_effects(&TaskSpec { grants: Grants { dirs: vec![dir], ..Grants::default() }, ..spec() }));
        let http = HttpOutGrant { host: "h".into(), port: 80 };
        let grants = Grants { http_out: vec![http], ..Grants::default() };
        assert!(has_effects(&TaskSpec { grants, ..spec() }));
    }
}
