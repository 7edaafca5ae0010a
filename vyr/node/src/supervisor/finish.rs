use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use vyr_model::{Failure, Outputs, TaskState, Terminal};
use vyr_proto::{
    control::{TaskState as TaskStateCode, TaskStatus},
    record::entry,
};
use vyr_telemetry::{
    Edge, Stamp, TaskEvent, attr,
    record::{Ended, Entry, RecordError},
};

use super::{RECORD_RETRY, Supervisor, submit::commit};
use crate::tasks::{Task, status};

/// How long an end waits for a disk that refuses it, before it is shown all the same.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// How a task ends, and what it leaves.
pub(super) struct End {
    pub(super) terminal: Terminal,
    pub(super) outputs: Outputs,
    /// Where the terminal span begins.
    pub(super) from: Stamp,
    /// Ends the task only where it still waits for a state.
    pub(super) only_held: bool,
}

impl End {
    pub(super) fn of(terminal: Terminal) -> Self {
        Self { terminal, outputs: Outputs::default(), from: Stamp::now(), only_held: false }
    }

    pub(super) fn failed(failure: Failure) -> Self {
        Self::of(Terminal::Failed(failure))
    }
}

impl Supervisor {
    /// Ends a task: records the end with its trace, then tells everybody. A durable task's end
    /// is on disk before anybody hears of it.
    ///
    /// Returns `false` where the task had ended before.
    pub(super) async fn finish(&self, task: &Arc<Task>, end: End) -> bool {
        let Some((status, ended)) = self.end(task, end) else { return false };
        let entry = Entry { entry: Some(ended.into()), ..Default::default() };
        if let Err(error) = self.record_end(task, &entry).await {
            // its Started stands in the record: after a restart it is lost, never run again
            tracing::error!(task.id = %task.id, %error, "failed to record the end of a task");
        }
        let Some(entry::Entry::Ended(ended)) = entry.entry else { return true };
        if self.options.telemetry {
            self.coverage.traced(&ended);
        }
        let ended: Arc<Ended> = ended.into();
        self.exporter.offer(&ended);
        self.table.remove(task.id);
        task.stdout.end();
        task.stderr.end();
        self.hub.publish_with(task.id, || TaskEvent {
            key: self.key(task, &status),
            status: status.clone(),
            ended: Some(Arc::clone(&ended)),
        });
        true
    }

    /// Records an end; a disk that refuses it for a moment only makes it late.
    async fn record_end(&self, task: &Task, entry: &Entry) -> Result<(), RecordError> {
        let patience = Instant::now() + END_PATIENCE;
        loop {
            match self.record.commit(entry, commit(task.spec.durability)).await {
                Err(error) if error.is_unavailable() && Instant::now() < patience && !self.is_draining() => {
                    tokio::time::sleep(RECORD_RETRY).await;
                }
                recorded => return recorded,
            }
        }
    }

    /// Moves the task to its end and out of the queue; `None` where it has ended already.
    pub(super) fn end(&self, task: &Arc<Task>, end: End) -> Option<(TaskStatus, Ended)> {
        let mut phase = task.phase.lock();
        let to = TaskState::Terminal(end.terminal);
        let was_held = phase.is_held();
        if !vyr_model::transition_allowed(&phase.state, &to) || (end.only_held && !was_held) {
            return None;
        }
        phase.state = to;
        phase.bindings.clear();
        let now = Stamp::now();
        phase.ended = Some(now);
        let status = status(task, &phase, &end.outputs);
        let wall = now.since(task.accepted);
        if let TaskState::Terminal(terminal) = &phase.state
            && self.options.telemetry
        {
            self.metrics.ended(terminal, phase.class, wall);
        }
        drop(phase);
        self.leave_queue(task, was_held);

        let tracer = self.tracer(task);
        for edge in [Edge::Terminal, Edge::Task] {
            tracer.passed(edge);
        }
        let failed = status.state.as_known() == Some(TaskStateCode::Failed);
        tracer.span_with(Edge::Terminal, end.from, now, |_| {});
        tracer.span_with(Edge::Task, task.accepted, now, |span| {
            span.attr(attr::FAAS_NAME, task.name().unwrap_or_default().to_owned());
            if failed {
                span.error();
            }
        });
        let trace = task.trace.lock().take();
        Some((status.clone(), trace.into_ended(task.id, status, wall)))
    }
}
