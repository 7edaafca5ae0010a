//! The thread that sends telemetry to a collector, of lower priority than what it tells of.

use std::{future::Future, thread};

use tokio::{runtime::Builder, sync::oneshot};
use vyr_runtime::schedule;
use vyr_telemetry::{ExportHandle, ExportOptions, ExportService, Metrics, NodeResource};

use crate::NodeError;

/// A thread that sends; it ends when this is dropped.
pub(crate) struct ExportThread {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl ExportThread {
    /// Starts the export where a collector is named, here or by the environment.
    pub(crate) async fn start(
        endpoint: Option<String>,
        resource: &NodeResource,
        metrics: &Metrics,
    ) -> Result<(ExportHandle, Option<Self>), NodeError> {
        let Some(options) = ExportOptions::to(endpoint) else { return Ok((ExportHandle::disabled(), None)) };
        let (resource, metrics) = (resource.clone(), metrics.clone());
        let (begun, begins) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let work = move || {
            schedule::patient();
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(begun.send(Err(NodeError::Threads(error)))),
            };
            runtime.block_on(async {
                match ExportService::new(options, &resource, &metrics) {
                    Ok((service, handle)) => {
                        if begun.send(Ok(handle)).is_ok() {
                            service.run(async { drop(stopped.await) }).await;
                        }
                    }
                    Err(error) => drop(begun.send(Err(error.into()))),
                }
            });
            drop(end);
        };
        thread::Builder::new().name("vyr-export".to_owned()).spawn(work).map_err(NodeError::Threads)?;
        let handle =
            begins.await.map_err(|_| NodeError::Threads(std::io::Error::other("the thread ended")))??;
        Ok((handle, Some(Self { stop, ended })))
    }

    /// Waits for `stop`, then until what is queued is sent or given up.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        stop.await;
        let _ = self.stop.send(());
        let _ = self.ended.await;
    }
}
