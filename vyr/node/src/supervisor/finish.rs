use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use vyr_model::{Failure, Outputs, TaskState, Terminal};
use vyr_proto::{control::TaskState as TaskStateCode, record::entry};
use vyr_telemetry::{
    Edge, Stamp, TaskEvent, attr,
    record::{Ended, Entry},
};

use super::{RECORD_RETRY, Supervisor, submit::commit};
use crate::tasks::{Ending, Task, status};

/// How long an end waits for a disk that refuses it, before it is shown all the same.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// How a task ends, and what it leaves.
pub(super) struct End {
    pub(super) terminal: Terminal,
    pub(super) outputs: Outputs,
    /// Where the terminal span begins.
    pub(super) from: Stamp,
    /// Ends the task only where it still waits for a state: nobody brought one in time.
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
        let Some(ending) = self.end(task, end) else { return false };
        self.record_end(task, &ending.entry).await;
        self.show(task, ending);
        true
    }

    /// Tells everybody of an end that is in the record.
    pub(super) fn show(&self, task: &Arc<Task>, ending: Ending) {
        let Ending { terminal, class, wall, status, entry } = ending;
        let Some(entry::Entry::Ended(ended)) = entry.entry else { return };
        if self.options.telemetry {
            self.metrics.ended(&terminal, class, wall);
            self.coverage.traced(&ended);
        }
        let ended: Arc<Ended> = ended.into();
        self.leave(task);
        let key = self.key(task, &status);
        self.hub.publish_with(task.id, || TaskEvent { key, status, ended: Some(Arc::clone(&ended)) });
        // those who wait for the task come before those who collect
        self.exporter.offer(&ended);
    }

    /// Drops a task whose submit was refused. Those who heard of it hear of its end.
    pub(super) fn forget(&self, task: &Arc<Task>, ending: Ending) {
        let Ending { class, wall, status, entry, .. } = ending;
        if let (true, Some(entry::Entry::Ended(ended))) = (self.options.telemetry, &entry.entry) {
            self.coverage.traced(ended);
            // whatever the guest made of it
            self.metrics.ended(&Terminal::Failed(Failure::Internal(String::new())), class, wall);
        }
        if task.phase.lock().untold.take().is_some() {
            return; // nobody has heard of it
        }
        self.leave(task);
        let key = self.key(task, &status);
        self.hub.publish_with(task.id, || TaskEvent { key, status, ended: None });
    }

    /// Takes a task off the list, and closes its streams.
    fn leave(&self, task: &Arc<Task>) {
        // the runner may hear before the submit does that the task is recorded
        self.list(task);
        self.table.remove(task.id);
        drop(task.short.lock().take());
        task.stdout.end();
        task.stderr.end();
    }

    /// Records an end; a disk that refuses it for a moment only makes it late.
    pub(super) async fn record_end(&self, task: &Task, entry: &Entry) {
        let patience = Instant::now() + END_PATIENCE;
        while let Err(error) = self.record.commit(entry, commit(task.spec.durability)).await {
            if !error.is_unavailable() || Instant::now() >= patience || self.is_draining() {
                // its Started stands in the record: after a restart it is lost, never run again
                tracing::error!(task.id = %task.id, %error, "failed to record the end of a task");
                return;
            }
            tokio::time::sleep(RECORD_RETRY).await;
        }
    }

    /// Moves the task to its end and out of the queue; `None` where it has ended already.
    pub(super) fn end(&self, task: &Arc<Task>, end: End) -> Option<Ending> {
        let mut phase = task.phase.lock();
        let terminal = end.terminal;
        let to = TaskState::Terminal(terminal.clone());
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
        let class = phase.class;
        drop(phase);
        self.leave_queue(task, was_held);

        let tracer = self.tracer(task);
        for edge in [Edge::Terminal, Edge::Task] {
            tracer.passed(edge);
        }
        let failed = status.state.as_known() == Some(TaskStateCode::Failed);
        if end.only_held {
            // it was the limit: a state that came in this very moment would have kept the task going
            tracer.passed(Edge::Limit);
            tracer.span_with(Edge::Limit, end.from, now, |_| {});
        }
        tracer.span_with(Edge::Terminal, end.from, now, |_| {});
        tracer.span_with(Edge::Task, task.accepted, now, |span| {
            span.attr(attr::FAAS_NAME, task.name().unwrap_or_default().to_owned());
            if failed {
                span.error();
            }
        });
        let trace = task.trace.lock().take();
        let ended = trace.into_ended(task.id, status.clone(), wall);
        let entry = Entry { entry: Some(ended.into()), ..Default::default() };
        Some(Ending { terminal, class, wall, status, entry })
    }
}
