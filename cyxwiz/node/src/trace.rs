//! The agent's own spans: of the phases of an attempt, under the span that its assignment names.
//!
//! ```text
//! Assignment.traceparent (the server's span of the attempt)
//!    ├─ calls that report and push                      server spans
//!    ├─ cyxwiz.prepare ── files, image, requirements    downloads, pip's VYR task
//!    ├─ cyxwiz.run                                      the VYR task, checkpoints
//!    └─ cyxwiz.upload                                   uploads
//! ```
//! The ids follow from the attempt's, so that an agent that was restarted goes on in the same trace.

use cyxwiz_model::{AttemptId, attempt_span, part_span};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vyr_telemetry::{
    ExportHandle, ExportOptions, ExportService, FinishedSpan, NodeResource, Stamp, TraceParent,
};

use crate::containers::chain;
use crate::ending::Ended;
use crate::error::CliError;
use crate::job::Job;

/// The name of the service, and of the code that makes its spans.
const SERVICE: &str = "cyxwiz-node";

/// Fetching everything and making it ready.
pub(crate) const PREPARE: &str = "cyxwiz.prepare";
/// The job's files.
pub(crate) const FILES: &str = "cyxwiz.prepare.files";
/// The image.
pub(crate) const IMAGE: &str = "cyxwiz.prepare.image";
/// Requirements.
pub(crate) const REQUIREMENTS: &str = "cyxwiz.prepare.requirements";
/// From the task's submit until the script is gone.
pub(crate) const RUN: &str = "cyxwiz.run";
/// Outputs, and the last checkpoint.
pub(crate) const UPLOAD: &str = "cyxwiz.upload";

/// Sends the agent's spans to a collector.
pub(crate) struct Export {
    pub(crate) handle: ExportHandle,
    running: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

impl Export {
    /// Starts where a collector is named. Needs a tokio runtime.
    pub(crate) fn start(endpoint: Option<String>, instance: &str) -> Result<Self, CliError> {
        let options = ExportOptions::to(endpoint).filter(|options| options.traces);
        let Some(options) = options.map(|options| ExportOptions { metrics: false, ..options }) else {
            return Ok(Self { handle: ExportHandle::disabled(), running: None });
        };
        let resource = NodeResource::of(SERVICE, instance, env!("CARGO_PKG_VERSION"));
        let (service, handle) = ExportService::of_spans(options, &resource, SERVICE)
            .map_err(|error| std::io::Error::other(chain(&error)))?;
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(service.run(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }));
        Ok(Self { handle, running: Some((stop, task)) })
    }

    /// Sends what waits, for a few seconds at most.
    pub(crate) async fn stop(self) {
        let Some((stop, task)) = self.running else { return };
        stop.send_replace(true);
        if let Err(error) = task.await {
            tracing::warn!(%error, "the export of spans did not end well");
        }
    }
}

/// An attempt's place in the trace of its job.
#[derive(Clone)]
pub(crate) struct AttemptTrace {
    spans: ExportHandle,
    /// The server's span; nothing where the server named none.
    above: Option<TraceParent>,
    attempt: AttemptId,
    attributes: [(&'static str, String); 2],
    epoch: u32,
}

impl AttemptTrace {
    pub(crate) fn new(spans: ExportHandle, job: &Job) -> Self {
        Self {
            spans,
            above: job.traceparent.parse().ok(),
            attempt: job.attempt,
            attributes: [
                ("cyxwiz.job.id", job.job.to_string()),
                ("cyxwiz.attempt.id", job.attempt.to_string()),
            ],
            epoch: job.epoch,
        }
    }

    /// Where what belongs to a phase hangs: below its span, or below the attempt's where spans are not sent.
    fn place(&self, name: &str) -> Option<TraceParent> {
        let above = self.above?;
        let own = TraceParent { span_id: part_span(attempt_span(self.attempt), name), ..above };
        Some(if self.spans.is_enabled() { own } else { above })
    }

    /// The same as W3C has it; empty for none.
    pub(crate) fn traceparent(&self, name: &str) -> String {
        self.place(name).map(|place| place.to_string()).unwrap_or_default()
    }

    /// Begins a phase under the attempt.
    pub(crate) fn begin(&self, name: &'static str) -> Phase {
        self.begin_at(name, Stamp::now())
    }

    /// Takes up a phase that began earlier.
    pub(crate) fn begin_at(&self, name: &'static str, start: Stamp) -> Phase {
        self.phase(name, self.above, start)
    }

    /// Begins a part of a phase.
    pub(crate) fn begin_in(&self, phase: &str, name: &'static str) -> Phase {
        self.phase(name, self.place(phase), Stamp::now())
    }

    fn phase(&self, name: &'static str, above: Option<TraceParent>, start: Stamp) -> Phase {
        let own = self.place(name).zip(above).filter(|_| self.spans.is_enabled());
        let span = own.map(|(own, above)| {
            let ids = self.attributes.iter().map(|(key, id)| (*key, id.clone().into()));
            FinishedSpan {
                name,
                trace_id: own.trace_id,
                span_id: own.span_id,
                parent: Some(above.span_id),
                answers: false,
                start,
                end: start,
                attributes: ids.chain([("cyxwiz.attempt.epoch", i64::from(self.epoch).into())]).collect(),
                events: Vec::new(),
                // as long as nobody says how it went
                failed: Some("it was cut off".to_owned()),
            }
        });
        Phase { spans: self.spans.clone(), span }
    }
}

/// Something that the agent does: a span from its beginning until this is dropped.
pub(crate) struct Phase {
    spans: ExportHandle,
    span: Option<FinishedSpan>,
}

impl Phase {
    /// It went well.
    pub(crate) fn done(mut self) {
        if let Some(span) = &mut self.span {
            span.failed = None;
        }
    }

    /// It went as this says: failed where that is somebody's fault.
    pub(crate) fn ended(mut self, ended: &Ended) {
        let Some(span) = &mut self.span else { return };
        let fault = ended.reason.class();
        span.failed = fault.map(|_| format!("{}: {}", ended.reason, ended.message));
        span.attributes.push(("cyxwiz.ending.reason", ended.reason.word().into()));
        span.attributes.extend(fault.map(|class| ("cyxwiz.ending.class", class.to_string().into())));
        span.attributes.extend(fault.map(|_| ("error.type", ended.reason.word().into())));
        span.attributes.extend(ended.exit_code.map(|code| ("process.exit.code", i64::from(code).into())));
    }

    /// It went as a result says.
    pub(crate) fn of<T>(self, result: Result<T, Ended>) -> Result<T, Ended> {
        match &result {
            Ok(_) => self.done(),
            Err(ended) => self.ended(ended),
        }
        result
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        if let Some(mut span) = self.span.take() {
            span.end = Stamp::now();
            self.spans.record(&span);
        }
    }
}
