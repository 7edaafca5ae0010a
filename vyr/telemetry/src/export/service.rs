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
    time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at},
};

use super::{
    ExportError, ExportHandle, ExportOptions,
    handle::{Batch, Queue},
    sender::{TraceSender, metric_sender},
};
use crate::{Metrics, NodeResource, ids, otlp};

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
        let sender = options.metrics.then(|| metric_sender(&options)).transpose()?;
        let (service, handle) = Self::of_spans(options, resource, otlp::SCOPE)?;
        metrics.watch_export(&handle);
        Ok((Self { metrics: sender.map(|sender| (sender, metrics.clone())), ..service }, handle))
    }

    /// Sets up the export of spans alone, for a program that makes them itself, as `scope`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_spans(
        options: ExportOptions,
        resource: &NodeResource,
        scope: &str,
    ) -> Result<(Self, ExportHandle), ExportError> {
        let queue = Arc::new(Queue::new(options.queue_spans, options.batch_spans));
        let traces = options.traces.then(|| TraceSender::new(&options, resource, scope)).transpose()?;
        let handle = match &traces {
            Some(_) => ExportHandle::new(Arc::clone(&queue)),
            None => ExportHandle::disabled(),
        };
        Ok((Self { options, queue, traces, metrics: None }, handle))
    }

    /// Sends until `shutdown` completes, then what is left, for at most the option's time.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopped) = watch::channel(None);
        let stopping = async {
            shutdown.await;
            stop.send_replace(Some(Instant::now() + self.options.shutdown));
        };
        tokio::join!(stopping, self.send_traces(stopped.clone()), self.send_metrics(stopped));
    }

    async fn send_traces(&self, mut stopped: watch::Receiver<Option<Instant>>) {
        let Some(sender) = &self.traces else { return };
        let mut begun = None;
        let until = loop {
            let batch = tokio::select! {
                batch = self.queue.batch(self.options.batch_delay) => begun.insert(batch),
                until = stop(&mut stopped) => break until,
            };
            match self.send_batch(sender, batch, &mut stopped).await {
                Ok(taken) => self.done(begun.take(), taken),
                Err(until) => break until,
            }
        };
        let drain = async {
            // what was not taken is tried once more
            let mut batch = begun.unwrap_or_else(|| self.queue.take());
            while batch.spans > 0 {
                let taken = self.try_batch(sender, &sender.request(&batch), 1).await;
                self.done(Some(batch), taken);
                batch = self.queue.take();
            }
        };
        if timeout_at(until, drain).await.is_err() {
            self.queue.give_up();
        }
    }

    /// Sends a batch, again and again until it is taken or given up. Tells whether it was taken, or until when all is to be
    /// over where a stop came between two tries. A try that is under way then goes on: cut off, it might have been taken
    /// already, and the collector would see every span twice.
    async fn send_batch(
        &self,
        sender: &TraceSender,
        batch: &Batch,
        stopped: &mut watch::Receiver<Option<Instant>>,
    ) -> Result<bool, Instant> {
        let request = sender.request(batch);
        let mut wait = self.options.backoff;
        for attempt in 1..=self.options.attempts.max(1) {
            if attempt > 1 {
                tokio::select! {
                    () = sleep(jitter(wait)) => {}
                    until = stop(stopped) => return Err(until),
                }
                wait = wait.saturating_mul(2).min(self.options.backoff_max);
            }
            let trying = self.try_batch(sender, &request, attempt);
            tokio::pin!(trying);
            let taken = tokio::select! {
                taken = &mut trying => taken,
                until = stop(stopped) => timeout_at(until, trying).await.unwrap_or(false),
            };
            if taken {
                return Ok(true);
            }
        }
        Ok(false)
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

    async fn send_metrics(&self, mut stopped: watch::Receiver<Option<Instant>>) {
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
            _ = stop(&mut stopped) => {}
        }
        if timeout(self.options.shutdown, send()).await.is_err() {
            self.queue.failures.fetch_add(1, Relaxed);
        }
    }
}

/// Waits for the stop; tells until when all is to be over.
async fn stop(stopped: &mut watch::Receiver<Option<Instant>>) -> Instant {
    // an error means that the sender is gone, which is a stop too
    let until = stopped.wait_for(Option::is_some).await.ok().and_then(|until| *until);
    until.unwrap_or_else(Instant::now)
}

/// Between half of `wait` and all of it, so that nodes do not come back all at once.
fn jitter(wait: Duration) -> Duration {
    let [random, ..] = ids::new_span_id().0;
    wait / 2 + (wait / 2).mul_f64(f64::from(random) / 256.0)
}
