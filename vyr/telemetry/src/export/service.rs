use std::{
    future::Future,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::metrics::{data::ResourceMetrics, exporter::PushMetricExporter as _};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use vyr_proto::record::Ended;

use super::{
    ExportError, ExportHandle, ExportOptions,
    handle::Queue,
    sender::{TraceSender, metric_sender},
};
use crate::{Metrics, NodeResource, ids};

/// Sends what its [`ExportHandle`] took, and metrics at an interval, until it is shut down.
#[derive(Debug)]
pub struct ExportService {
    options: ExportOptions,
    queue: Arc<Queue>,
    traces: Option<TraceSender>,
    metrics: Option<(MetricExporter, Metrics)>,
}

impl ExportService {
    /// Sets up the export. Call it inside a tokio runtime, then run [`Self::run`] as a task.
    ///
    /// # Errors
    /// [`ExportError`] where the options or the environment cannot work.
    pub fn new(
        options: ExportOptions,
        resource: &NodeResource,
        metrics: &Metrics,
    ) -> Result<(Self, ExportHandle), ExportError> {
        let queue = Arc::new(Queue::new(options.queue_spans, options.batch_spans));
        let traces = options.traces.then(|| TraceSender::new(&options, resource)).transpose()?;
        let sender = options.metrics.then(|| metric_sender(&options)).transpose()?;
        let handle = match &traces {
            Some(_) => ExportHandle::new(Arc::clone(&queue)),
            None => ExportHandle::disabled(),
        };
        metrics.watch_export(&handle);
        let metrics = sender.map(|sender| (sender, metrics.clone()));
        Ok((Self { options, queue, traces, metrics }, handle))
    }

    /// Sends until `shutdown` completes, then what is left, for at most the option's time.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopped) = watch::channel(false);
        let stopping = async {
            shutdown.await;
            stop.send_replace(true);
        };
        tokio::join!(stopping, self.send_traces(stopped.clone()), self.send_metrics(stopped));
    }

    async fn send_traces(&self, mut stopped: watch::Receiver<bool>) {
        let Some(sender) = &self.traces else { return };
        let mut begun = Vec::new();
        loop {
            tokio::select! {
                batch = self.queue.batch(self.options.batch_delay) => begun = batch,
                () = stop(&mut stopped) => break,
            }
            tokio::select! {
                taken = self.send_batch(sender, &begun) => self.done(&begun, taken),
                () = stop(&mut stopped) => break,
            }
            begun.clear();
        }
        // what was begun is tried once more, so a collector may see it twice
        let mut batch = Some(begun).filter(|batch| !batch.is_empty()).unwrap_or_else(|| self.queue.take());
        let drain = async {
            while !batch.is_empty() {
                let taken = self.try_batch(sender, &batch, 1).await;
                self.done(&batch, taken);
                batch = self.queue.take();
            }
        };
        if timeout(self.options.shutdown, drain).await.is_err() {
            self.queue.give_up();
        }
    }

    /// Sends a batch, again and again until it is taken or given up. Tells whether it was taken.
    async fn send_batch(&self, sender: &TraceSender, batch: &[Arc<Ended>]) -> bool {
        let mut wait = self.options.backoff;
        for attempt in 1..=self.options.attempts.max(1) {
            if attempt > 1 {
                sleep(jitter(wait)).await;
                wait = wait.saturating_mul(2).min(self.options.backoff_max);
            }
            if self.try_batch(sender, batch, attempt).await {
                return true;
            }
        }
        false
    }

    fn done(&self, batch: &[Arc<Ended>], taken: bool) {
        let count = if taken { &self.queue.sent } else { &self.queue.dropped };
        count.fetch_add(batch.iter().map(|ended| ended.spans.len() as u64).sum(), Relaxed);
        self.queue.in_flight.store(0, Relaxed);
    }

    async fn try_batch(&self, sender: &TraceSender, batch: &[Arc<Ended>], attempt: u32) -> bool {
        match sender.send(batch.iter().map(AsRef::as_ref)).await {
            Ok(()) => true,
            Err(error) => {
                self.queue.failures.fetch_add(1, Relaxed);
                if attempt == 1 {
                    tracing::warn!(error = %error, "the collector does not take traces; they wait and are tried again");
                }
                false
            }
        }
    }

    async fn send_metrics(&self, mut stopped: watch::Receiver<bool>) {
        let Some((sender, metrics)) = &self.metrics else { return };
        let mut ticks = interval(self.options.metrics_interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut collected = ResourceMetrics::default();
        let mut send = async || {
            // figures are cumulative: what one request loses the next one brings
            let sent = match metrics.collect_into(&mut collected) {
                Ok(()) => sender.export(&collected).await.is_ok(),
                Err(_) => false,
            };
            self.queue.failures.fetch_add(u64::from(!sent), Relaxed);
        };
        let every = async {
            loop {
                ticks.tick().await;
                send().await;
            }
        };
        tokio::select! {
            () = every => {}
            () = stop(&mut stopped) => {}
        }
        if timeout(self.options.shutdown, send()).await.is_err() {
            self.queue.failures.fetch_add(1, Relaxed);
        }
    }
}

async fn stop(stopped: &mut watch::Receiver<bool>) {
    // an error means that the sender is gone, which is a stop too
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Between half of `wait` and all of it, so that nodes do not come back all at once.
fn jitter(wait: Duration) -> Duration {
    let [random, ..] = ids::new_span_id().0;
    wait / 2 + (wait / 2).mul_f64(f64::from(random) / 256.0)
}
