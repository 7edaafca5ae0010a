use std::collections::HashMap;
use std::sync::Arc;

use cyxwiz_model::{JobId, NodeId};
use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast, watch};
use uuid::Uuid;

use crate::Drain;
use crate::db::{DbId as _, Wake};

/// A job has new events.
pub const JOBS: &str = "cyx_job";
/// A node has something to be told.
pub const NODES: &str = "cyx_node";
/// A job waits, or a place became free.
pub const QUEUE: &str = "cyx_queue";
/// There is something to send to the chain.
pub const OUTBOX: &str = "cyx_outbox";
/// Node hints that may wait.
const NODE_HINTS: usize = 8192;

type Watched = Arc<Mutex<HashMap<Uuid, watch::Sender<u64>>>>;

/// Hands the hints of all servers to whoever waits for them here.
#[derive(Debug)]
pub struct Bus {
    jobs: Watched,
    nodes: broadcast::Sender<Option<NodeId>>,
    /// Rings when a job waits or a place became free.
    pub queue: Arc<Notify>,
    /// Rings when there is something to send.
    pub outbox: Arc<Notify>,
}

impl Bus {
    /// Listens until the server stops.
    #[must_use]
    pub fn start(wake: &Wake, drain: &Drain) -> Self {
        let bus = Self {
            jobs: Watched::default(),
            nodes: broadcast::Sender::new(NODE_HINTS),
            queue: Arc::default(),
            outbox: Arc::default(),
        };
        let watched = Arc::clone(&bus.jobs);
        hear(wake, JOBS, drain, move |payload| ring(&watched, payload));
        let nodes = bus.nodes.clone();
        hear(wake, NODES, drain, move |payload| {
            let node = payload.parse::<Uuid>().ok().map(NodeId::from_uuid);
            let _ = nodes.send(node);
        });
        let queue = Arc::clone(&bus.queue);
        hear(wake, QUEUE, drain, move |_| queue.notify_one());
        let outbox = Arc::clone(&bus.outbox);
        hear(wake, OUTBOX, drain, move |_| outbox.notify_one());
        bus
    }

    /// Nodes that have something to be told; `None`: any of them may.
    #[must_use]
    pub fn nodes(&self) -> broadcast::Receiver<Option<NodeId>> {
        self.nodes.subscribe()
    }

    /// Changes with each hint about a job.
    #[must_use]
    pub fn job(&self, job: JobId) -> watch::Receiver<u64> {
        let mut watched = self.jobs.lock();
        // who no longer watches is forgotten when the next one comes
        watched.retain(|_, sender| sender.receiver_count() > 0);
        watched.entry(job.uuid()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }
}

fn hear(wake: &Wake, channel: &'static str, drain: &Drain, then: impl Fn(&str) + Send + Sync + 'static) {
    let (mut hints, drain) = (wake.subscribe(channel), drain.clone());
    tokio::spawn(async move {
        let hearing = async {
            loop {
                then(&hints.next().await);
            }
        };
        tokio::select! {
            () = hearing => {}
            () = drain.started() => {}
        }
    });
}

fn ring(watched: &Watched, payload: &str) {
    let watched = watched.lock();
    match payload.parse::<Uuid>() {
        Ok(job) => {
            if let Some(sender) = watched.get(&job) {
                sender.send_modify(|count| *count = count.wrapping_add(1));
            }
        }
        Err(_) => {
            for sender in watched.values() {
                sender.send_modify(|count| *count = count.wrapping_add(1));
            }
        }
    }
}
