use buffa::Message as _;
use connectrpc::ErrorCode;
use parking_lot::Mutex;
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use vyr_model::{BindMode, Digest, Durability, StateId, TaskId, TaskSpec, TaskState};
use vyr_proto::control;
use vyr_store::{BlobDurability, VerifiedArtifact};
use vyr_telemetry::{
    Edge, Stamp, TaskTrace, TraceParent, new_span_id, new_trace_id,
    record::{Accepted, Commit, Entry, RecordError, Started, Synced},
};

use super::{Place, Supervisor, acknowledge::Acknowledging, admissible, ahead::Begun};
use crate::{
    Refusal,
    artifacts::refuse_store,
    keys::{self, Claim},
    output::Spool,
    rpc::{parse, state::refuse},
    tasks::{Bound, Phase, Task},
    tracer::Tracer,
};

impl Supervisor {
    /// Accepts a task, or refuses it with nothing left behind.
    pub(crate) async fn submit(
        self: &Arc<Self>,
        request: control::SubmitTaskRequest,
        caller: Option<TraceParent>,
        arrived: Stamp,
    ) -> Result<control::SubmitTaskResponse, Refusal> {
        let trace_id = caller.as_ref().map_or_else(new_trace_id, |caller| caller.trace_id);
        let trace = TaskTrace::new(trace_id, caller.map(|caller| caller.span_id), new_span_id());
        let trace = Mutex::new(trace);
        match self.with_key(request, &trace, arrived).await {
            Ok(response) => Ok(response),
            Err(refusal) => {
                self.tell_refused(trace.into_inner(), arrived, &refusal);
                Err(refusal)
            }
        }
    }

    /// Answers with the earlier task where the idempotency key names one.
    async fn with_key(
        self: &Arc<Self>,
        request: control::SubmitTaskRequest,
        trace: &Mutex<TaskTrace>,
        arrived: Stamp,
    ) -> Result<control::SubmitTaskResponse, Refusal> {
        if self.is_draining() {
            return Err(draining());
        }
        parse::size(&request)?;
        let id = TaskId::generate();
        if request.idempotency_key.is_empty() {
            return self.accept(id, request, trace, arrived).await;
        }
        parse::idempotency_key(&request.idempotency_key)?;
        let content = Digest::of(&request.encode_to_vec());
        let claim = match self.keys.claim(&request.idempotency_key, content, id).await? {
            Claim::New(claim) => claim,
            Claim::Existing(task, trace_id) => return Ok(existing(task.to_string(), trace_id.to_string())),
        };
        if let Some(answer) = self.recorded_before(&request.idempotency_key, content).await? {
            return Ok(answer);
        }
        let trace_id = trace.lock().trace_id();
        let answer = self.accept(id, request, trace, arrived).await?;
        claim.keep(trace_id);
        Ok(answer)
    }

    /// Looks in the record for a key of an earlier run of the node.
    async fn recorded_before(
        &self,
        key: &str,
        content: Digest,
    ) -> Result<Option<control::SubmitTaskResponse>, Refusal> {
        let found = self.record.accepted_with_key(key).await.map_err(|error| unavailable(&error))?;
        let Some(accepted) = found else { return Ok(None) };
        let age = Stamp::now().since(Stamp::from_unix_nanos(accepted.accepted_unix_nanos));
        if age >= keys::LIFETIME {
            return Ok(None);
        }
        let Ok(task) = accepted.task_id.as_slice().try_into().map(TaskId::from_bytes) else {
            return Ok(None);
        };
        if accepted.request.as_option().is_none_or(|earlier| Digest::of(&earlier.encode_to_vec()) != content)
        {
            return Err(keys::reused(key, task));
        }
        Ok(Some(existing(task.to_string(), hex::encode(&accepted.trace_id))))
    }

    async fn accept(
        self: &Arc<Self>,
        id: TaskId,
        request: control::SubmitTaskRequest,
        trace: &Mutex<TaskTrace>,
        arrived: Stamp,
    ) -> Result<control::SubmitTaskResponse, Refusal> {
        let short = self.arrive();
        let tracer = Tracer::new(trace, &self.coverage).when(self.options.telemetry);
        let digest = parse::digest("artifact_digest", &request.artifact_digest)?;
        let artifact = self.artifacts.verify(digest, tracer)?;
        let spec = parse::submit(&request, &artifact.manifest.limits.over(self.options.default_limits))?;
        admissible::states(&artifact.manifest, &spec)?;
        admissible::determinism(&artifact.manifest, &spec)?;
        admissible::folders(&spec.grants).await?;
        let not_granted = admissible::not_granted(&artifact.manifest, &spec.grants);
        if let Some(input) = spec.input {
            // its age counts from now: no garbage collection takes it before the task is recorded
            self.artifacts.store().touch_blob(&input).map_err(refuse_store)?;
        }
        let bindings = self.bind_named(&spec, tracer)?;
        let held = bindings.iter().any(|bound| bound.state.is_none());
        let place = Place::take(self, held)?;
        tracer.passed(Edge::Accept);
        let queued = tracer.span(Edge::Accept, arrived);

        let key = request.idempotency_key.clone();
        let entry = accepted_entry(id, request, &trace.lock(), arrived);
        let task =
            self.make_task(id, spec, Some(artifact), key, trace.lock().clone(), bindings, arrived, queued);
        *task.short.lock() = Some(short);
        let synced = self.admit(&task, &entry, place).await?;
        let recorded = Acknowledging::new(self, &task, synced).done().await;
        recorded.map_err(|error| unavailable(&error))?;
        let trace_id = task.trace_id.to_string();
        let task_id = id.to_string();
        Ok(control::SubmitTaskResponse { task_id, trace_id, not_granted, ..Default::default() })
    }

    /// Binds the states that the submit names, all or none; leaves the others open.
    pub(super) fn bind_named(&self, spec: &TaskSpec, tracer: Tracer<'_>) -> Result<Vec<Bound>, Refusal> {
        if spec.bindings.is_empty() {
            return Ok(Vec::new());
        }
        let began = Stamp::now();
        let named: Vec<(StateId, BindMode)> =
            spec.bindings.iter().filter_map(|binding| Some((binding.state?, binding.mode))).collect();
        let mut states =
            self.states.bind_all(&named, tokio::time::Instant::now()).map_err(refuse)?.into_iter();
        if !named.is_empty() {
            tracer.passed(Edge::Bind);
            tracer.span(Edge::Bind, began);
        }
        let bound = spec.bindings.iter().map(|binding| Bound {
            name: binding.name.clone(),
            mode: binding.mode,
            state: binding.state.and_then(|_| states.next()),
        });
        Ok(bound.collect())
    }

    #[expect(clippy::too_many_arguments, reason = "a task is made of these, here and after a restart")]
    pub(super) fn make_task(
        &self,
        id: TaskId,
        spec: TaskSpec,
        artifact: Option<VerifiedArtifact>,
        idempotency_key: String,
        trace: TaskTrace,
        bindings: Vec<Bound>,
        accepted: Stamp,
        queued: Stamp,
    ) -> Arc<Task> {
        let store = self.artifacts.store();
        let durability = blob_durability(spec.durability);
        Arc::new(Task {
            id,
            artifact,
            idempotency_key,
            accepted,
            cancel: vyr_runtime::Cancel::default(),
            used: vyr_runtime::Used::default(),
            stdout: Spool::new(store, durability),
            stderr: Spool::new(store, durability),
            trace_id: trace.trace_id(),
            trace: Mutex::new(trace),
            phase: Mutex::new(Phase {
                state: TaskState::Queued,
                attempts: 0,
                bindings,
                queued,
                started: None,
                ended: None,
                cpu: Duration::ZERO,
                class: None,
                untold: None,
            }),
            ending: Mutex::new(None),
            short: Mutex::new(None),
            ticket: AtomicU64::new(0),
            binding: tokio::sync::Mutex::new(()),
            spec,
        })
    }

    /// Records the task, lists it, and runs, queues or holds it. Nothing waits between the
    /// record and the list: a caller that goes away leaves no task behind that nobody runs. One that runs
    /// ahead of the disk is listed when it is there.
    async fn admit(
        self: &Arc<Self>,
        task: &Arc<Task>,
        accepted: &Entry,
        place: Place<'_>,
    ) -> Result<Synced, Refusal> {
        let commit = commit(task.spec.durability);
        let (synced, begun) = if place.is_slot() {
            let ahead = self.may_run_ahead(task);
            let commit = if ahead { self.commit_ahead(task) } else { commit };
            let both = self.record.append_both([accepted, &started_entry(task.id, 1)], commit).await;
            let [accepted, synced] = both.map_err(|error| unavailable(&error))?;
            (accepted, Some(Begun { synced, ahead }))
        } else {
            (self.record.append(accepted, commit).await.map_err(|error| unavailable(&error))?, None)
        };
        place.keep();
        if self.options.telemetry {
            self.metrics.accepted();
        }
        let held = {
            let mut phase = task.phase.lock();
            phase.untold = Some(Vec::new());
            self.tell(task, &mut phase);
            phase.is_held()
        };
        if !begun.as_ref().is_some_and(|begun| begun.ahead) {
            self.list(task);
        }
        match begun {
            Some(_) => self.start(Arc::clone(task), begun),
            None if held => self.watch_hold(task),
            None => self.enqueue(Arc::clone(task)),
        }
        Ok(synced)
    }

    /// Leaves a span behind for a submit that was refused.
    fn tell_refused(&self, mut trace: TaskTrace, arrived: Stamp, refusal: &Refusal) {
        self.coverage.passed(Edge::Refuse);
        let now = Stamp::now();
        trace.record(Edge::Task, arrived, now).error();
        trace.record(Edge::Refuse, arrived, now).error().attr("error.type", refusal.reason);
        let ended = trace.into_spans(now.since(arrived));
        self.coverage.traced(&ended);
        self.exporter.offer(&ended);
    }
}

/// Says how safe a task's outputs are stored.
pub(super) const fn blob_durability(durability: Durability) -> BlobDurability {
    match durability {
        Durability::Durable => BlobDurability::Durable,
        Durability::Volatile => BlobDurability::Volatile,
    }
}

fn existing(task_id: String, trace_id: String) -> control::SubmitTaskResponse {
    control::SubmitTaskResponse { task_id, trace_id, existing: true, ..Default::default() }
}

fn accepted_entry(
    id: TaskId,
    request: control::SubmitTaskRequest,
    trace: &TaskTrace,
    arrived: Stamp,
) -> Entry {
    let accepted = Accepted {
        task_id: id.as_bytes().to_vec(),
        request: request.into(),
        accepted_unix_nanos: arrived.unix_nanos(),
        trace_id: trace.trace_id().0.to_vec(),
        parent_span_id: trace.parent().map(|span| span.0.to_vec()).unwrap_or_default(),
        root_span_id: trace.root().0.to_vec(),
        ..Default::default()
    };
    Entry { entry: Some(accepted.into()), ..Default::default() }
}

/// Makes the entry that marks the start of an attempt.
pub(super) fn started_entry(id: TaskId, attempt: u32) -> Entry {
    let started = Started { task_id: id.as_bytes().to_vec(), attempt, ..Default::default() };
    Entry { entry: Some(started.into()), ..Default::default() }
}

/// Says how far a task's entries must come before they count.
pub(super) const fn commit(durability: Durability) -> Commit {
    match durability {
        Durability::Durable => Commit::Synced,
        Durability::Volatile => Commit::Buffered,
    }
}

/// Refuses because the record cannot take it.
pub(crate) fn unavailable(error: &RecordError) -> Refusal {
    if let RecordError::TooLarge { .. } = error {
        let (code, mend) = (ErrorCode::ResourceExhausted, "send less");
        return Refusal::new(code, "REQUEST_TOO_LARGE", "request", error.to_string(), mend);
    }
    Refusal::new(
        ErrorCode::Unavailable,
        "RECORD_UNAVAILABLE",
        "record",
        error.to_string(),
        "free space on the disk of the node's home; the node tries again by itself",
    )
    .retry_after(Duration::from_secs(1))
}

fn draining() -> Refusal {
    Refusal::new(
        ErrorCode::Unavailable,
        "NODE_STOPPING",
        "node",
        "the node is stopping and takes no new tasks",
        "submit again when it is back",
    )
    .retry_after(Duration::from_secs(2))
}
