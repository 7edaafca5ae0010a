use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vyr_telemetry::{ExportHandle, ExportService, FinishedSpan, NodeResource};

use crate::ServerError;
use crate::config::TelemetryConfig;
use crate::refusal::chain_of;

/// The name of the service, and of the code that makes its spans.
const SERVICE: &str = "cyxwiz-server";

/// Takes spans. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    handle: ExportHandle,
    running: Option<Arc<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Traces {
    /// Starts the export where there is a collector. Needs a tokio runtime.
    ///
    /// # Errors
    /// An exporter that cannot be set up.
    pub fn start(config: &TelemetryConfig) -> Result<Self, ServerError> {
        let Some(options) = config.export() else { return Ok(Self::default()) };
        let instance = uuid::Uuid::now_v7().to_string();
        let resource = NodeResource::of(SERVICE, &instance, env!("CARGO_PKG_VERSION"));
        let (service, handle) = ExportService::of_spans(options, &resource, SERVICE)
            .map_err(|error| ServerError::Said(format!("traces cannot be exported: {}", chain_of(&error))))?;
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(service.run(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }));
        Ok(Self { handle, running: Some(Arc::new(Running { stop, task: Mutex::new(Some(task)) })) })
    }

    /// Records something that took time. Never waits.
    pub fn record(&self, span: FinishedSpan) {
        self.handle.record(&span);
    }

    /// Whether there is a collector.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.handle.is_enabled()
    }

    /// Spans that were given up: the queue was full, or the collector away for too long.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.handle.dropped()
    }

    /// Sends what waits, for a few seconds at most, and ends.
    pub async fn stop(&self) {
        let Some(running) = &self.running else { return };
        running.stop.send_replace(true);
        let task = running.task.lock().take();
        if let Some(Err(error)) = match task {
            Some(task) => Some(task.await),
            None => None,
        } {
            tracing::warn!(%error, "the export of spans did not end well");
        }
    }
}
