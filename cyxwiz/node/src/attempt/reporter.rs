use std::sync::Arc;

use buffa::Message as _;
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::report_attempt_request::Step;
use tokio::sync::Notify;

use super::handle::Handle;
use crate::backoff::Backoff;
use crate::ending::Cause;
use crate::journal::Journal;
use crate::server::{Next, Server};

/// An attempt's reports, in order, through the journal. Clones are the same reporter.
#[derive(Clone)]
pub(super) struct Reporter(Arc<Inner>);

struct Inner {
    handle: Arc<Handle>,
    journal: Arc<Journal>,
    added: Notify,
    sent: Notify,
}

impl Reporter {
    pub(super) fn new(handle: Arc<Handle>, journal: Arc<Journal>) -> Self {
        Self(Arc::new(Inner { handle, journal, added: Notify::new(), sent: Notify::new() }))
    }

    /// Keeps a report, to be sent as soon as may be.
    pub(super) fn report(&self, step: impl Into<Step>) {
        let job = &self.0.handle.job;
        let request = v1::ReportAttemptRequest {
            attempt_id: job.attempt.to_string(),
            epoch: job.epoch,
            step: Some(step.into()),
            ..Default::default()
        };
        if let Err(error) = self.0.journal.add_report(job.attempt, &request.encode_to_vec()) {
            tracing::error!(attempt.id = %job.attempt, %error, "a report was lost: the journal cannot be written");
        }
        self.0.added.notify_one();
    }

    /// Sends for as long as it is polled.
    pub(super) async fn run(&self, server: &Server) {
        let id = self.0.handle.job.attempt;
        let mut backoff = Backoff::default();
        loop {
            let next = match self.0.journal.next_report(id) {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(attempt.id = %id, %error, "reports wait: the journal cannot be read");
                    backoff.wait(None).await;
                    continue;
                }
            };
            let Some((n, request)) = next else {
                self.0.sent.notify_waiters();
                self.0.added.notified().await;
                continue;
            };
            let answer = match v1::ReportAttemptRequest::decode_from_slice(&request) {
                Ok(request) => server.report(request, &self.0.handle.job.traceparent).await.map(drop),
                // nothing that could be sent
                Err(_) => Ok(()),
            };
            match answer {
                Ok(()) => {
                    backoff.reset();
                    let _ = self.0.journal.report_sent(n);
                }
                Err(fault) => match fault.next() {
                    Next::Again(hint) => backoff.wait(hint).await,
                    Next::Fenced => {
                        self.0.handle.stop(Cause::Fenced);
                        return;
                    }
                    Next::Never => {
                        tracing::error!(attempt.id = %id, %fault, "the server refuses a report");
                        let _ = self.0.journal.report_sent(n);
                    }
                },
            }
        }
    }

    /// Completes when everything was taken. [`Reporter::run`] must be polled meanwhile.
    pub(super) async fn drained(&self) {
        loop {
            let sent = self.0.sent.notified();
            tokio::pin!(sent);
            sent.as_mut().enable();
            if self.0.journal.next_report(self.0.handle.job.attempt).is_ok_and(|next| next.is_none()) {
                return;
            }
            self.0.added.notify_one();
            sent.await;
        }
    }
}
