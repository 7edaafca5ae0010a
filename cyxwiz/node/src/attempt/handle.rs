use std::time::Duration;

use cyxwiz_proto::v1;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::ending::{Allowed, Cause};
use crate::job::Job;

/// What a script has between SIGTERM and SIGKILL where no order says it, and at most.
const GRACE: Duration = Duration::from_secs(10);
const LONGEST_GRACE: Duration = Duration::from_secs(60);

/// What others hold of an attempt: its orders in, its usage out.
pub(crate) struct Handle {
    pub(crate) job: Job,
    stop: watch::Sender<Option<Cause>>,
    grace: Mutex<Option<Duration>>,
    usage: Mutex<v1::Usage>,
}

impl Handle {
    pub(crate) fn new(job: Job) -> Self {
        Self { job, stop: watch::Sender::new(None), grace: Mutex::default(), usage: Mutex::default() }
    }

    /// Asks for its end. The first cause counts, but that a fence goes before all.
    pub(crate) fn stop(&self, cause: Cause) {
        self.stop.send_if_modified(|current| {
            let takes = current.is_none() || (cause == Cause::Fenced && *current != Some(Cause::Fenced));
            if takes {
                *current = Some(cause);
            }
            takes
        });
    }

    /// Sets how long the script has once it is asked to end.
    pub(crate) fn set_grace(&self, grace: Duration) {
        self.grace.lock().get_or_insert(grace.min(LONGEST_GRACE));
    }

    /// How long the script has once it is asked to end.
    pub(crate) fn grace(&self) -> Duration {
        self.grace.lock().unwrap_or(GRACE)
    }

    pub(crate) fn cause(&self) -> Option<Cause> {
        *self.stop.borrow()
    }

    /// Completes when it is asked to end.
    pub(crate) async fn stopped(&self) -> Cause {
        self.cause_where(|_| true).await
    }

    /// Completes when it is no longer this node's.
    pub(crate) async fn fenced(&self) {
        self.cause_where(|cause| cause == Cause::Fenced).await;
    }

    async fn cause_where(&self, wanted: impl Fn(Cause) -> bool) -> Cause {
        let mut orders = self.stop.subscribe();
        loop {
            if let Some(cause) = (*orders.borrow_and_update()).filter(|cause| wanted(*cause)) {
                return cause;
            }
            // the sender is in `self`
            if orders.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(crate) fn usage(&self) -> v1::Usage {
        self.usage.lock().clone()
    }

    pub(crate) fn set_usage(&self, change: impl FnOnce(&mut v1::Usage)) {
        change(&mut self.usage.lock());
    }

    pub(crate) fn allowed(&self) -> Allowed {
        let memory_mib = self.job.spec.requirements.memory_mib;
        Allowed { memory_mib, seconds: self.job.timeout.as_secs() }
    }
}
