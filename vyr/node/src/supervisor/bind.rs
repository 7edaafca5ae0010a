use std::sync::Arc;

use connectrpc::ErrorCode;
use vyr_model::{BindMode, Failure, LimitKind, StateId, TaskId};
use vyr_telemetry::{
    Edge, Stamp,
    record::{Bound, Entry},
};

use super::{
    Supervisor,
    finish::End,
    submit::{commit, unavailable},
};
use crate::{
    Refusal,
    rpc::{state::refuse, traces::task_not_found},
    tasks::Task,
};

impl Supervisor {
    /// Gives a state to a held task; returns how many bindings it still waits for.
    pub(crate) async fn bind(
        self: &Arc<Self>,
        id: TaskId,
        state: StateId,
        mode: BindMode,
        name: &str,
    ) -> Result<usize, Refusal> {
        let began = Stamp::now();
        let Some(task) = self.table.get(id) else {
            let known = self.ended(id).await?.is_some();
            return Err(if known { not_held(id) } else { task_not_found(id) });
        };
        let (supervisor, name) = (Arc::clone(self), name.to_owned());
        // a caller that goes away must not leave a binding half made
        let binding =
            tokio::spawn(async move { supervisor.bind_held(task, state, mode, &name, began).await });
        binding.await.map_err(|_| Refusal::panicked(id))?
    }

    /// Records the binding, then makes it: where the record fails, nothing was done.
    async fn bind_held(
        self: &Arc<Self>,
        task: Arc<Task>,
        state: StateId,
        mode: BindMode,
        name: &str,
        began: Stamp,
    ) -> Result<usize, Refusal> {
        let turn = task.binding.lock().await;
        let name = open_binding(&task, mode, name)?;
        let bound = self.states.bind_all(&[(state, mode)], tokio::time::Instant::now());
        let bound = bound.map_err(refuse)?.pop();
        self.record_bound(&task, name.clone(), state).await?;
        let open = {
            let mut phase = task.phase.lock();
            // it may have ended meanwhile
            let is_held = phase.is_held();
            let open = phase.open_binding(&name).filter(|_| is_held).ok_or_else(|| not_held(task.id))?;
            open.state = bound;
            phase.open_bindings()
        };
        drop(turn);
        let tracer = self.tracer(&task);
        tracer.passed(Edge::Bind);
        tracer.span(Edge::Bind, began);
        if open == 0 {
            self.enqueue(task);
        }
        Ok(open)
    }

    async fn record_bound(&self, task: &Task, name: String, state: StateId) -> Result<(), Refusal> {
        let bound = Bound {
            task_id: task.id.as_bytes().to_vec(),
            name,
            state_id: state.as_bytes().to_vec(),
            ..Default::default()
        };
        let entry = Entry { entry: Some(bound.into()), ..Default::default() };
        let recorded = self.record.commit(&entry, commit(task.spec.durability)).await;
        recorded.map_err(|error| unavailable(&error))
    }

    /// Ends a held task when no state comes in time, which counts from the submit, over restarts too.
    pub(super) fn watch_hold(self: &Arc<Self>, task: &Arc<Task>) {
        let waited = Stamp::now().since(task.accepted);
        let deadline = tokio::time::Instant::now() + task.spec.limits.hold_time.saturating_sub(waited);
        let (supervisor, task) = (Arc::clone(self), Arc::downgrade(task));
        self.guests.spawn(async move {
            tokio::time::sleep_until(deadline).await;
            let Some(task) = task.upgrade() else { return };
            let end = End::failed(Failure::Limit(LimitKind::HoldTime));
            supervisor.finish(&task, End { only_held: true, ..end }).await;
        });
    }
}

/// Finds the open binding that is meant; returns its name.
fn open_binding(task: &Task, mode: BindMode, name: &str) -> Result<String, Refusal> {
    let mut phase = task.phase.lock();
    if !phase.is_held() {
        return Err(not_held(task.id));
    }
    let Some(bound) = phase.open_binding(name) else {
        let message = format!("task `{}` has no open binding `{name}`", task.id);
        return Err(Refusal::field("name", message, "name one of the submit's bindings without a state"));
    };
    if bound.mode != mode {
        let message = format!("the binding `{}` was submitted with the other mode", bound.name);
        return Err(Refusal::field("mode", message, "send the mode of the submit"));
    }
    Ok(bound.name.clone())
}

fn not_held(id: TaskId) -> Refusal {
    Refusal::new(
        ErrorCode::FailedPrecondition,
        "TASK_NOT_HELD",
        id,
        format!("task `{id}` does not wait for a state"),
        "bind states to queued tasks whose submit left a state_id empty; others name theirs in the submit",
    )
}
