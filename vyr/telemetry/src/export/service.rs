use std::{
    future::Future,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::metrics::{data::ResourceMetrics, exporter::PushMetricExporter as _};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    ExportError, ExportHandle, ExportOptions,
    handle::{Batch, Queue},
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
        let mut begun = None;
        loop {
            let batch = tokio::select! {
                batch = self.queue.batch(self.options.batch_delay) => begun.insert(batch),
                () = stop(&mut stopped) => break,
            };
            let taken = tokio::select! {
                taken = self.send_batch(sender, batch) => taken,
                () = stop(&mut stopped) => break,
            };
            self.done(begun.take(), taken);
        }
        let drain = async {
            // what was begun is tried once more, so a collector may see it twice
            let mut batch = begun.unwrap_or_else(|| self.queue.take());
            while batch.spans > 0 {
                let taken = self.try_batch(sender, &sender.request(&batch), 1).await;
                self.done(Some(batch), taken);
                batch = self.queue.take();
            }
        };
        if timeout(self.options.shutdown, drain).await.is_err() {
            self.queue.give_up();
        }
    }

    /// Sends a batch, again and again until it is taken or given up. Tells whether it was taken.
    async fn send_batch(&self, sender: &TraceSender, batch: &Batch) -> bool {
        let request = sender.request(batch);
        let mut wait = self.options.backoff;
        for attempt in 1..=self.options.attempts.max(1) {
            if attempt > 1 {
                sleep(jitter(wait)).await;
                wait = wait.saturating_mul(2).min(self.options.backoff_max);
            }
            if self.try_batch(sender, &request, attempt).await {
                return true;
            }
        }
        false
    }

    fn done(&self, batch: Option<Batch>, taken: bool) {
        let Some(batch) = batch else { return };
        let count = if taken { &self.queue.sent } else { &self.queue.dropped };
        count.fetch_add(batch.spans as u64, Relaxed);
        self.queue.in_flight.store(0, Relaxed);
        self.queue.recycle(batch);
    }

    async fn try_batch(&self, sender: &TraceSender, request: &Bytes, attempt: u32) -> bool {
        match sender.send(request.clone()).await {
            Ok(()) => true,
            Err(error) => {
                self.queue.failures.fetch_add(1, Relaxed);
                if attempt == 1 {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the collector does not take traces; they wait and are tried again"
                    );
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
