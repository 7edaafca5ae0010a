use std::sync::{Arc, atomic::Ordering};

use connectrpc::ErrorCode;
use parking_lot::Mutex;
use vyr_model::{BindMode, Digest, Durability, StateId, TaskId, TaskSpec, TaskState};
use vyr_proto::{control, record};
use vyr_runtime::Cancel;
use vyr_telemetry::{Edge, Stamp, TaskTrace, TraceParent, new_span_id, new_trace_id};

use super::Supervisor;
use crate::{
    Refusal,
    artifacts::Artifact,
    keys::Claim,
    output::Spool,
    rpc::parse,
    tasks::{Bound, Next, Phase, Task, named_states},
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
        match self.accept(request, trace.clone(), arrived).await {
            Ok(response) => Ok(response),
            Err(refusal) => {
                self.tell_refused(trace, arrived, &refusal);
                Err(refusal)
            }
        }
    }

    async fn accept(
        self: &Arc<Self>,
        request: control::SubmitTaskRequest,
        mut trace: TaskTrace,
        arrived: Stamp,
    ) -> Result<control::SubmitTaskResponse, Refusal> {
        if self.is_draining() {
            return Err(draining());
        }
        parse::idempotency_key(&request.idempotency_key)?;
        let id = TaskId::generate();
        let claim = self.keys.claim(&request, id)?;
        if let Claim::Existing(earlier) = claim {
            earlier.synced.wait().await.map_err(|error| unavailable(&error))?;
            return Ok(control::SubmitTaskResponse {
                task_id: earlier.task.to_string(),
                trace_id: earlier.trace_id.to_string(),
                existing: true,
                ..Default::default()
            });
        }

        let digest = parse::digest("artifact_digest", &request.artifact_digest)?;
        let artifact = self.artifacts.verify(digest, &mut trace, &self.coverage)?;
        let spec = parse::submit(&request, &artifact.manifest().limits.over(self.options.default_limits))?;
        self.check_input(&spec)?;
        let bindings = self.bind_named(&spec, &mut trace)?;
        self.queue.lock().take_place().map_err(|full| {
            Refusal::new(
                ErrorCode::ResourceExhausted,
                "QUEUE_FULL",
                "queue",
                format!("the queue is full: {} tasks wait", full.places),
                "try again a little later, or raise --max-queued",
            )
            .retry_after(std::time::Duration::from_millis(100))
        })?;

        let trace_id = trace.trace_id();
        let entry = accepted_entry(id, &request, &trace, arrived);
        let queued = Stamp::now();
        self.coverage.passed(Edge::Accept);
        trace.record(Edge::Accept, arrived, queued);
        let durability = spec.durability;
        let task = self.make_task(id, spec, artifact, request.idempotency_key, trace, bindings, arrived, queued);
        let synced = self.admit(&task, entry);
        let synced = match synced {
            Ok(synced) => synced,
            Err(error) => {
                self.queue.lock().give_place();
                return Err(unavailable(&error));
            }
        };
        if let Claim::New(claim) = claim {
            claim.keep(trace_id, synced.clone());
        }
        if durability == Durability::Durable {
            synced.wait().await.map_err(|error| unavailable(&error))?;
            task.phase.lock().acknowledged(Stamp::now(), &self.coverage);
        }
        Ok(control::SubmitTaskResponse {
            task_id: id.to_string(),
            trace_id: trace_id.to_string(),
            ..Default::default()
        })
    }
}
