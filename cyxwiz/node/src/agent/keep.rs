//! Keeps the server's picture of the node up to date: its enrolment, by its configuration, and benchmarks.

use std::time::{Duration, SystemTime};

use cyxwiz_proto::v1;

use super::enrol::{enrolment, run_due_benchmark};
use super::service::{Agent, REFUSED_WAIT};
use crate::backoff::Backoff;
use crate::config::Config;
use crate::containers::Containers;
use crate::server::{Fault, Next};

/// How often the configuration file is looked at.
const CONFIG_LOOK: Duration = Duration::from_secs(1);

impl Agent {
    /// Enrols at the start and whenever the configuration changes.
    pub(super) async fn keep_enrolled(&self) {
        let mut changes = self.inner.config.subscribe();
        let mut backoff = Backoff::default();
        loop {
            let config = changes.borrow_and_update().clone();
            match self.enrol(&config).await {
                Ok(()) => {
                    backoff.reset();
                    if changes.changed().await.is_err() {
                        return;
                    }
                }
                Err(fault) if fault.next() == Next::Never => {
                    tracing::error!(%fault, "the server does not enrol this node: correct the configuration");
                    tokio::select! {
                        _ = changes.changed() => {}
                        () = tokio::time::sleep(REFUSED_WAIT) => {}
                    }
                }
                Err(fault) => {
                    tracing::debug!(%fault, "enrols again later");
                    backoff.wait(fault.retry_after()).await;
                }
            }
        }
    }

    async fn enrol(&self, config: &Config) -> Result<(), Fault> {
        let (engine, runtimes) = self.tools.containers.as_ref().map(Containers::describe).unwrap_or_default();
        let request = enrolment(config, &self.tools.machine, &engine, &runtimes)
            .map_err(|error| Fault::Wrong(error.to_string()))?;
        let answer = self.tools.server.enrol(request).await?;
        let node = answer.node.as_option().map(|node| node.id.clone()).unwrap_or_default();
        tracing::info!(node.id = node, available = config.availability, paused = config.paused, "enrolled");
        if let Some(due) = answer.benchmark.into_option() {
            self.benchmark(due);
        }
        Ok(())
    }

    /// Follows the file that `pause`, `resume` and `install` write.
    pub(super) async fn watch_config(&self) {
        let path = self.tools.home.config();
        let modified = |path: &std::path::Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
        let mut seen: Option<SystemTime> = modified(&path);
        loop {
            tokio::time::sleep(CONFIG_LOOK).await;
            let now = modified(&path);
            if now == seen {
                continue;
            }
            seen = now;
            match Config::load(&path) {
                Ok(config) => {
                    self.inner.config.send_if_modified(|current| {
                        let changed = *current != config;
                        *current = config;
                        changed
                    });
                }
                Err(error) => tracing::warn!(%error, "the changed configuration is not taken"),
            }
        }
    }

    pub(super) fn benchmark(&self, due: v1::Benchmark) {
        let agent = self.clone();
        let cpu_milli = self.tools.machine.offered(&self.inner.config.borrow(), "", &[]).cpu_milli;
        tokio::spawn(async move {
            let gpus = agent.tools.gpus.list();
            match run_due_benchmark(&agent.tools.server, due, cpu_milli, gpus).await {
                Ok(answer) if answer.confirmed => tracing::info!("the hardware was confirmed"),
                Ok(answer) => tracing::warn!(why = answer.message, "the hardware was not confirmed"),
                Err(fault) => {
                    tracing::warn!(%fault, "a benchmark was not answered: asks for another");
                    tokio::time::sleep(REFUSED_WAIT).await;
                    // as a changed configuration does: enrols again, and gets what is due
                    agent.inner.config.send_modify(|_| {});
                }
            }
        });
    }
}
