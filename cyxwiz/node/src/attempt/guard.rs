//! What stands guard over a task that runs: orders and its time, its disk, samples of what it uses.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::run::Run;
use crate::backoff::Backoff;
use crate::ending::Cause;
use crate::files::{Bounds, scan};

/// How often the folders that the job writes are measured, and at least so many times what that took.
const DISK_LOOK: Duration = Duration::from_secs(1);
const DISK_LOOK_SHARE: u32 = 20;
/// How often a container's samples are taken over.
const SAMPLE: Duration = Duration::from_secs(1);
/// Files in those folders while it runs; what it leaves in them is held to less.
pub(super) const MAX_FILES: usize = 100_000;

impl Run {
    /// Cancels the task when somebody, or its time, asks for its end. Completes never by itself.
    pub(super) async fn keep_orders(&self, task: &str, mut begun: watch::Receiver<bool>) {
        let time_up = async {
            let _ = begun.wait_for(|begun| *begun).await;
            tokio::time::sleep(self.handle.job.timeout).await;
            self.handle.stop(Cause::TimeUp);
        };
        let asked = tokio::select! {
            cause = self.handle.stopped() => cause,
            () = time_up => Cause::TimeUp,
        };
        tracing::info!(attempt.id = %self.handle.job.attempt, cause = ?asked, "ends a task early");
        let mut backoff = Backoff::default();
        while let Err(error) = self.tools.fabric.cancel(task).await {
            tracing::warn!(task.id = task, %error, "a task was not cancelled: tried again");
            backoff.wait(None).await;
        }
        // an order may allow less than the container itself would
        if let Some(containers) = &self.tools.containers {
            tokio::time::sleep(self.handle.grace()).await;
            containers.kill(task).await;
        }
        std::future::pending::<()>().await;
    }

    /// Keeps the attempt's usage up to date. Completes never by itself.
    pub(super) async fn sample_often(&self, task: &str) {
        loop {
            tokio::time::sleep(SAMPLE).await;
            self.sample(task);
        }
    }

    /// Notes what the task uses: a container by its engine's counters, a Wasm program by VYR's own.
    pub(super) fn sample(&self, task: &str) {
        let container = self.tools.containers.as_ref().and_then(|containers| containers.usage(task));
        let sample = container.map(|sample| (sample.cpu, sample.memory_bytes));
        let wasm = || self.tools.fabric.used(task).map(|used| (used.cpu(), used.memory_bytes()));
        let Some((cpu, memory_bytes)) = sample.or_else(wasm) else { return };
        self.handle.set_usage(|usage| {
            usage.cpu_ms = usage.cpu_ms.max(u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX));
            usage.memory_bytes = memory_bytes;
        });
    }

    /// Ends the job when it writes more than it may. Completes never by itself.
    pub(super) async fn watch_disk(&self) {
        let job = &self.handle.job;
        let most = self.disk_bytes();
        let folders = [
            (self.dir.output(), job.max_output_bytes),
            (self.dir.checkpoints(), job.max_output_bytes),
            (self.dir.metrics(), job.max_log_bytes),
        ];
        let mut pause = DISK_LOOK;
        loop {
            tokio::time::sleep(pause).await;
            let began = Instant::now();
            let folders = folders.clone();
            let look = move || {
                let mut taken = 0_u64;
                for (folder, bytes) in folders {
                    let Ok(scan) = scan(&folder, Bounds { files: MAX_FILES, bytes }) else { continue };
                    taken = taken.saturating_add(scan.disk_bytes);
                    if scan.too_much || taken > most {
                        return true;
                    }
                }
                false
            };
            if tokio::task::spawn_blocking(look).await.unwrap_or(false) {
                self.handle.stop(Cause::Disk);
            }
            pause = DISK_LOOK.max(began.elapsed() * DISK_LOOK_SHARE);
        }
    }
}
