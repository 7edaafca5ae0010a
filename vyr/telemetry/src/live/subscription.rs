use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    filter::Filter,
    hub::{Inner, TaskEvent},
};

/// A live stream's end. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) hub: Arc<Inner>,
}

/// What a subscriber gets at once.
#[derive(Debug, Default)]
pub struct Received {
    /// The events, in order; never empty.
    pub events: Vec<Arc<TaskEvent>>,
    /// Events that were pushed out before these because the subscriber was too slow.
    pub dropped: u64,
}

#[derive(Debug)]
pub(super) struct Mailbox {
    pub(super) filter: Filter,
    limit: usize,
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Arc<TaskEvent>>,
    dropped: u64,
    closed: bool,
}

impl Mailbox {
    pub(super) fn new(filter: Filter, limit: usize) -> Self {
        Self { filter, limit: limit.max(1), queue: Mutex::default(), arrived: Notify::new() }
    }

    pub(super) fn push(&self, event: Arc<TaskEvent>) {
        let mut queue = self.queue.lock();
        if queue.events.len() >= self.limit {
            queue.events.pop_front();
            queue.dropped += 1;
        }
        queue.events.push_back(event);
        drop(queue);
        self.arrived.notify_one();
    }

    pub(super) fn close(&self) {
        self.queue.lock().closed = true;
        self.arrived.notify_one();
    }
}

impl Subscription {
    /// Waits for events and takes up to `most` (at least one). `None`: the hub was closed and
    /// everything was taken. Cancel-safe.
    pub async fn receive(&mut self, most: usize) -> Option<Received> {
        loop {
            let arrived = self.mailbox.arrived.notified();
            match self.try_receive(most) {
                Ok(received) => return Some(received),
                Err(closed) if closed => return None,
                Err(_) => arrived.await,
            }
        }
    }

    /// Takes what is there now; `None` where nothing is.
    pub fn receive_now(&mut self, most: usize) -> Option<Received> {
        self.try_receive(most).ok()
    }

    /// The error says whether the hub was closed.
    fn try_receive(&self, most: usize) -> Result<Received, bool> {
        let mut queue = self.mailbox.queue.lock();
        if queue.events.is_empty() {
            return Err(queue.closed);
        }
        let count = queue.events.len().min(most.max(1));
        let events = queue.events.drain(..count).collect();
        Ok(Received { events, dropped: std::mem::take(&mut queue.dropped) })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.remove(&self.mailbox);
    }
}
