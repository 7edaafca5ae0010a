//! Idempotency keys: a repeated submit answers with the first one's task.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use buffa::Message as _;
use connectrpc::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::watch;
use vyr_model::{Digest, TaskId, TraceId};
use vyr_proto::control::SubmitTaskRequest;
use vyr_telemetry::record::Synced;

use crate::Refusal;

/// How long a key is remembered; the Control API promises it.
pub(crate) const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Keys that are remembered at most; beyond it the oldest go first.
const MAX_KEYS: usize = 200_000;

#[derive(Default)]
pub(crate) struct Keys(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_key: HashMap<Arc<str>, Entry>,
    by_age: VecDeque<(Instant, Arc<str>, TaskId)>,
}

struct Entry {
    content: Digest,
    task: TaskId,
    submit: watch::Receiver<Submit>,
}

/// How far the submit that brought a key has come.
#[derive(Clone)]
enum Submit {
    UnderWay,
    Kept { trace_id: TraceId, synced: Option<Synced> },
    Refused,
}

/// What a submit's key says.
pub(crate) enum Claim<'a> {
    /// It has none.
    Keyless,
    /// It is the first with this key.
    New(NewClaim<'a>),
    /// The same submit came before.
    Existing(Earlier),
}

/// The submit that came before.
pub(crate) struct Earlier {
    pub(crate) task: TaskId,
    pub(crate) trace_id: TraceId,
    /// Resolves when that submit is durable; `None` after a restart, when it is.
    pub(crate) synced: Option<Synced>,
}

/// Holds a key for a submit under way; dropped without `keep`, it gives the key back.
pub(crate) struct NewClaim<'a> {
    keys: &'a Keys,
    key: Arc<str>,
    submit: Option<watch::Sender<Submit>>,
}

impl Keys {
    /// Claims the request's key for `task`; waits for an equal submit that is under way.
    pub(crate) async fn claim(&self, request: &SubmitTaskRequest, task: TaskId) -> Result<Claim<'_>, Refusal> {
        if request.idempotency_key.is_empty() {
            return Ok(Claim::Keyless);
        }
        let content = Digest::of(&request.encode_to_vec());
        loop {
            let mut submit = match self.look_up(&request.idempotency_key, content, task)? {
                Ok(claim) => return Ok(claim),
                Err((earlier, submit)) => {
                    if let Submit::Kept { trace_id, synced } = submit.borrow().clone() {
                        return Ok(Claim::Existing(Earlier { task: earlier, trace_id, synced }));
                    }
                    submit
                }
            };
            // an error means that the claim was dropped: look again
            let _ = submit.wait_for(|submit| !matches!(submit, Submit::UnderWay)).await;
        }
    }

    /// Remembers a key of a task that was submitted before a restart.
    pub(crate) fn restore(&self, key: &str, content: Digest, task: TaskId, trace_id: TraceId) {
        let (_, submit) = watch::channel(Submit::Kept { trace_id, synced: None });
        self.0.lock().insert(Arc::from(key), Entry { content, task, submit }, Instant::now());
    }

    #[expect(clippy::type_complexity, reason = "one caller")]
    fn look_up(
        &self,
        key: &str,
        content: Digest,
        task: TaskId,
    ) -> Result<Result<Claim<'_>, (TaskId, watch::Receiver<Submit>)>, Refusal> {
        let mut known = self.0.lock();
        known.expire(Instant::now());
        let refused = |entry: &Entry| matches!(*entry.submit.borrow(), Submit::Refused);
        match known.by_key.get(key) {
            Some(entry) if !refused(entry) => {
                if entry.content != content {
                    return Err(Refusal::new(
                        ErrorCode::AlreadyExists,
                        "IDEMPOTENCY_KEY_REUSED",
                        key,
                        format!("the idempotency key `{key}` named another submit, task {}", entry.task),
                        "use a new key for a new task; send the same request to repeat one",
                    ));
                }
                Ok(Err((entry.task, entry.submit.clone())))
            }
            _ => {
                let (sender, submit) = watch::channel(Submit::UnderWay);
                let key: Arc<str> = Arc::from(key);
                known.insert(Arc::clone(&key), Entry { content, task, submit }, Instant::now());
                Ok(Ok(Claim::New(NewClaim { keys: self, key, submit: Some(sender) })))
            }
        }
    }
}

impl Known {
    fn insert(&mut self, key: Arc<str>, entry: Entry, now: Instant) {
        self.by_age.push_back((now, Arc::clone(&key), entry.task));
        self.by_key.insert(key, entry);
    }

    fn expire(&mut self, now: Instant) {
        while let Some((since, key, task)) = self.by_age.front() {
            if self.by_age.len() <= MAX_KEYS && now.duration_since(*since) < LIFETIME {
                break;
            }
            if self.by_key.get(key).is_some_and(|entry| entry.task == *task) {
                self.by_key.remove(key);
            }
            self.by_age.pop_front();
        }
    }
}

impl NewClaim<'_> {
    /// Keeps the key for the task, whose record is on its way.
    pub(crate) fn keep(mut self, trace_id: TraceId, synced: Synced) {
        if let Some(submit) = self.submit.take() {
            submit.send_replace(Submit::Kept { trace_id, synced: Some(synced) });
        }
    }
}

impl Drop for NewClaim<'_> {
    fn drop(&mut self) {
        if let Some(submit) = self.submit.take() {
            self.keys.0.lock().by_key.remove(&self.key);
            submit.send_replace(Submit::Refused);
        }
    }
}
