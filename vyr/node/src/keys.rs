//! Idempotency keys: a repeated submit answers with the first one's task.
//!
//! Keys of this run of the node are in memory; those of earlier runs are in the record.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use connectrpc::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::watch;
use vyr_model::{Digest, TaskId, TraceId};

use crate::Refusal;

/// How long a key is remembered; the Control API promises it.
pub(crate) const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Keys in memory at most; beyond it the oldest are looked up in the record.
const MAX_KEYS: usize = 100_000;

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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Submit {
    UnderWay,
    Recorded(TraceId),
}

/// What a key says of a submit.
pub(crate) enum Claim<'a> {
    /// It is the first with this key, as far as memory goes.
    New(NewClaim<'a>),
    /// The same submit came before: its task and trace.
    Existing(TaskId, TraceId),
}

/// Holds a key for a submit under way; dropped without `keep`, it gives the key back.
pub(crate) struct NewClaim<'a> {
    keys: &'a Keys,
    key: Arc<str>,
    submit: watch::Sender<Submit>,
    kept: bool,
}

impl Keys {
    /// Claims a key for `task`; waits for an equal submit that is under way.
    pub(crate) async fn claim(&self, key: &str, content: Digest, task: TaskId) -> Result<Claim<'_>, Refusal> {
        loop {
            let mut submit = {
                let mut known = self.0.lock();
                match known.look_up(key, content)? {
                    Some((earlier, submit)) => {
                        if let Submit::Recorded(trace_id) = *submit.borrow() {
                            return Ok(Claim::Existing(earlier, trace_id));
                        }
                        submit
                    }
                    None => return Ok(Claim::New(self.insert(&mut known, key, content, task))),
                }
            };
            // an error means that the other submit was refused: look again
            let _ = submit.wait_for(|submit| *submit != Submit::UnderWay).await;
        }
    }

    fn insert(&self, known: &mut Known, key: &str, content: Digest, task: TaskId) -> NewClaim<'_> {
        let (sender, submit) = watch::channel(Submit::UnderWay);
        let key: Arc<str> = Arc::from(key);
        known.expire(Instant::now());
        known.by_age.push_back((Instant::now(), Arc::clone(&key), task));
        known.by_key.insert(Arc::clone(&key), Entry { content, task, submit });
        NewClaim { keys: self, key, submit: sender, kept: false }
    }
}

impl Known {
    fn look_up(
        &self,
        key: &str,
        content: Digest,
    ) -> Result<Option<(TaskId, watch::Receiver<Submit>)>, Refusal> {
        match self.by_key.get(key) {
            Some(entry) if entry.content != content => Err(reused(key, entry.task)),
            Some(entry) => Ok(Some((entry.task, entry.submit.clone()))),
            None => Ok(None),
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some((since, key, task)) = self.by_age.front() {
            if self.by_age.len() < MAX_KEYS && now.duration_since(*since) < LIFETIME {
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
    /// Keeps the key: the task is in the record.
    pub(crate) fn keep(mut self, trace_id: TraceId) {
        self.kept = true;
        self.submit.send_replace(Submit::Recorded(trace_id));
    }
}

impl Drop for NewClaim<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.keys.0.lock().by_key.remove(&self.key);
        }
    }
}

/// Refuses a key that named another submit.
pub(crate) fn reused(key: &str, task: TaskId) -> Refusal {
    Refusal::new(
        ErrorCode::AlreadyExists,
        "IDEMPOTENCY_KEY_REUSED",
        key,
        format!("the idempotency key `{key}` named another submit, task {task}"),
        "use a new key for a new task; send the same request to repeat one",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn equal_submits_share_a_task_and_refused_ones_free_the_key() {
        let keys = Keys::default();
        let (content, first, second) = (Digest::of(b"a"), TaskId::generate(), TaskId::generate());
        let Claim::New(claim) = keys.claim("k", content, first).await.unwrap() else { panic!() };
        drop(claim);
        let Claim::New(claim) = keys.claim("k", content, first).await.unwrap() else { panic!() };
        assert!(keys.claim("k", Digest::of(b"b"), second).await.is_err());
        let waits = keys.claim("k", content, second);
        let keeps = async { claim.keep(TraceId([7; 16])) };
        let (waited, ()) = tokio::join!(waits, keeps);
        assert!(matches!(waited.unwrap(), Claim::Existing(task, TraceId([7, ..])) if task == first));
    }
}
