use std::sync::Arc;

use parking_lot::Mutex;
use vyr_model::{Durability, Failure, SpanId, TaskId, TaskState, Terminal, TraceId};
use vyr_proto::control;
use vyr_telemetry::{
    Edge, Stamp, TaskTrace, new_span_id, new_trace_id,
    record::{Accepted, Commit, Entry, LeftTask, Recovery},
};

use super::{Supervisor, finish::End};
use crate::{
    rpc::parse,
    tasks::{Bound, Task, timestamp},
    tracer::Tracer,
};

/// What became of a task that an earlier run of the node left.
enum Fate {
    /// It waits for its turn, or for a state, as before.
    Queue,
    /// It ends now.
    End(Terminal),
}

impl Supervisor {
    /// Takes up what an earlier run of the node left: what was queued runs, what was running is
    /// lost, or runs again where it was declared idempotent.
    pub(crate) async fn recover(self: &Arc<Self>, recovery: Recovery) {
        if recovery.torn_bytes > 0 {
            tracing::info!(bytes = recovery.torn_bytes, "cut an unfinished write off the record");
        }
        for damage in &recovery.damage {
            tracing::error!(segment = %damage.segment.display(), bytes = ?damage.bytes, "the record was damaged");
        }
        let (queued, started) = (recovery.queued.len(), recovery.started.len());
        let mut left: Vec<LeftTask> = recovery.queued;
        left.extend(recovery.started);
        left.sort_by_key(|left| left.task);
        for left in left {
            self.take_up(left).await;
        }
        if queued + started > 0 {
            tracing::info!(queued, started, "took up the tasks of an earlier run");
        }
    }

    async fn take_up(self: &Arc<Self>, left: LeftTask) {
        let began = Stamp::now();
        let id = left.task;
        let (task, fate) = match self.rebuild(&left) {
            Ok(rebuilt) => rebuilt,
            Err(reason) => {
                tracing::error!(task.id = %id, reason, "a task of an earlier run cannot be taken up");
                self.give_up(&left, reason).await;
                return;
            }
        };
        let tracer = self.tracer(&task);
        tracer.passed(Edge::Recovery);
        tracer.span(Edge::Recovery, began);
        let held = task.phase.lock().is_held();
        // the end of a held task gives its place back
        if held || matches!(fate, Fate::Queue) {
            self.queue.lock().restore_place();
        }
        self.table.insert(&task);
        match fate {
            Fate::End(terminal) => {
                self.finish(&task, End::of(terminal)).await;
            }
            Fate::Queue if held => self.watch_hold(&task),
            Fate::Queue => self.enqueue(task),
        }
    }

    /// Ends a task of which too little can be read: what was acknowledged comes to an end, whatever becomes of it.
    async fn give_up(&self, left: &LeftTask, reason: &str) {
        let trace = Mutex::new(trace(&left.accepted));
        let tracer = Tracer::new(&trace, &self.coverage).when(self.options.telemetry);
        let accepted = Stamp::from_unix_nanos(left.accepted.accepted_unix_nanos);
        let began = Stamp::now();
        for edge in [Edge::Recovery, Edge::Terminal, Edge::Task] {
            tracer.passed(edge);
        }
        tracer.span(Edge::Recovery, began);
        let ended = tracer.span(Edge::Terminal, began);
        tracer.span_with(Edge::Task, accepted, ended, |span| {
            span.error();
        });
        let status = unreadable(left, reason, &trace.lock().trace_id().to_string(), ended);
        let wall = ended.since(accepted);
        let ended = trace.into_inner().into_ended(left.task, status, wall);
        if self.options.telemetry {
            let why = Terminal::Failed(Failure::Internal(reason.to_owned()));
            self.metrics.ended(if left.attempts > 0 { &Terminal::Lost } else { &why }, None, wall);
            self.coverage.traced(&ended);
        }
        self.exporter.offer(&Arc::new(ended.clone()));
        let entry = Entry { entry: Some(ended.into()), ..Default::default() };
        if let Err(error) = self.record.commit(&entry, Commit::Synced).await {
            tracing::error!(task.id = %left.task, %error, "failed to record the end of a task; the next start tries again");
        }
    }

    fn rebuild(&self, left: &LeftTask) -> Result<(Arc<Task>, Fate), &'static str> {
        let request = left.accepted.request.as_option().ok_or("its record holds no submit")?;
        let trace = Mutex::new(trace(&left.accepted));
        let tracer = Tracer::new(&trace, &self.coverage);

        let digest = request.artifact_digest.parse().map_err(|_| "its record names no artifact")?;
        let (artifact, verified) = match self.artifacts.verify(digest, tracer) {
            Ok(artifact) => (Some(artifact), None),
            Err(refusal) => (None, Some(Failure::Verify(refusal.to_string()))),
        };
        let defaults = self.options.default_limits;
        let limits = artifact.as_ref().map_or(defaults, |artifact| artifact.manifest.limits.over(defaults));
        let spec =
            parse::submit(request, &limits).map_err(|_| "its record holds a submit that does not parse")?;
        let named = spec.bindings.iter().any(|binding| binding.state.is_some()) || !left.bound.is_empty();
        let bindings = spec
            .bindings
            .iter()
            .map(|binding| Bound { name: binding.name.clone(), mode: binding.mode, state: None })
            .collect();
        let fate = match verified {
            _ if spec.durability == Durability::Volatile => Fate::End(Terminal::Lost),
            _ if left.attempts > 0 && !spec.idempotent => Fate::End(Terminal::Lost),
            Some(failure) => Fate::End(Terminal::Failed(failure)),
            // states live in memory alone: they went with the node
            None if named => Fate::End(Terminal::Failed(Failure::StateLost(
                "the node restarted, and the states that the task was bound to went with it".to_owned(),
            ))),
            None => Fate::Queue,
        };
        let accepted = Stamp::from_unix_nanos(left.accepted.accepted_unix_nanos);
        let key = request.idempotency_key.clone();
        let id: TaskId = left.task;
        let task =
            self.make_task(id, spec, artifact, key, trace.into_inner(), bindings, accepted, Stamp::now());
        {
            let mut phase = task.phase.lock();
            phase.attempts = left.attempts;
            if matches!(fate, Fate::End(Terminal::Lost)) && left.attempts > 0 {
                phase.state = TaskState::Running;
            }
        }
        Ok((task, fate))
    }
}

/// The trace that a submit began.
fn trace(accepted: &Accepted) -> TaskTrace {
    let trace_id = accepted.trace_id.as_slice().try_into().map_or_else(|_| new_trace_id(), TraceId);
    let span = |bytes: &[u8]| bytes.try_into().ok().map(SpanId);
    let root = span(&accepted.root_span_id).unwrap_or_else(new_span_id);
    TaskTrace::new(trace_id, span(&accepted.parent_span_id), root)
}

/// Tells what is known of a task whose record does not make a task: it is lost where it was started.
fn unreadable(left: &LeftTask, reason: &str, trace_id: &str, ended: Stamp) -> control::TaskStatus {
    let Accepted { request, accepted_unix_nanos, .. } = &left.accepted;
    let request = request.as_option().cloned().unwrap_or_default();
    let (state, failure) = match left.attempts {
        0 => (control::TaskState::Failed, control::FailureKind::Internal),
        _ => (control::TaskState::Lost, control::FailureKind::Unspecified),
    };
    control::TaskStatus {
        task_id: left.task.to_string(),
        artifact_digest: request.artifact_digest,
        state: state.into(),
        failure: failure.into(),
        message: format!("the node restarted and cannot take the task up: {reason}; submit it again"),
        accept_time: Some(timestamp(Stamp::from_unix_nanos(*accepted_unix_nanos))).into(),
        end_time: Some(timestamp(ended)).into(),
        trace_id: trace_id.to_owned(),
        idempotency_key: request.idempotency_key,
        attempts: left.attempts,
        ..Default::default()
    }
}
