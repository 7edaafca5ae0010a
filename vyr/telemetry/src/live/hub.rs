use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use parking_lot::RwLock;
use vyr_model::TaskId;
use vyr_proto::{control::TaskStatus, record::Ended};

use super::{
    filter::{Filter, TaskKey},
    subscription::{Mailbox, Subscription},
};

/// What happened to a task.
#[derive(Debug, Clone)]
pub struct TaskEvent {
    /// What filters look at.
    pub key: TaskKey,
    /// The task as it stands now.
    pub status: TaskStatus,
    /// Its spans, once it has ended.
    pub ended: Option<Arc<Ended>>,
}

/// How much a hub holds.
#[derive(Debug, Clone, Copy)]
pub struct HubOptions {
    /// Events that wait for one subscriber; a further one pushes out the oldest. Default 1,024.
    pub queue: usize,
    /// Subscriptions at once. Default 65,536.
    pub subscriptions: usize,
}

impl Default for HubOptions {
    fn default() -> Self {
        Self { queue: 1_024, subscriptions: 65_536 }
    }
}

/// There are as many subscriptions as the hub takes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the node serves {0} live streams already: close some, or try again later")]
pub struct HubFull(pub usize);

/// Hands events to live streams. Clones are the same hub.
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Inner>);

#[derive(Debug, Default)]
pub(super) struct Inner {
    options: HubOptions,
    /// Subscriptions in all; read first, so that publishing to nobody costs one atomic read.
    count: AtomicUsize,
    /// Subscriptions that name no task; read before `broad` is locked.
    broad_count: AtomicUsize,
    closed: AtomicBool,
    by_task: RwLock<HashMap<TaskId, Vec<Arc<Mailbox>>>>,
    broad: RwLock<Vec<Arc<Mailbox>>>,
}

impl Hub {
    /// Makes a hub.
    pub fn new(options: HubOptions) -> Self {
        Self(Arc::new(Inner { options, ..Inner::default() }))
    }

    /// Tells whether nobody listens.
    pub fn is_idle(&self) -> bool {
        self.0.count.load(Acquire) == 0
    }

    /// Tells whether somebody may listen to `task`.
    pub fn is_watched(&self, task: TaskId) -> bool {
        !self.is_idle() && (self.0.broad_count.load(Acquire) > 0 || self.0.by_task.read().contains_key(&task))
    }

    /// Hands an event to all whose filter it passes. Never waits for a subscriber.
    pub fn publish(&self, event: TaskEvent) {
        let task = event.key.task;
        self.publish_with(task, || event);
    }

    /// Likewise, but makes the event only where somebody may listen to `task`.
    pub fn publish_with(&self, task: TaskId, event: impl FnOnce() -> TaskEvent) {
        if !self.is_watched(task) {
            return;
        }
        let event = Arc::new(event());
        if let Some(mailboxes) = self.0.by_task.read().get(&task) {
            deliver(mailboxes, &event);
        }
        if self.0.broad_count.load(Acquire) > 0 {
            deliver(&self.0.broad.read(), &event);
        }
    }

    /// Begins to listen. What is published after this returns is delivered.
    ///
    /// # Errors
    /// [`HubFull`] when the hub's limit of subscriptions is reached.
    pub fn subscribe(&self, filter: Filter) -> Result<Subscription, HubFull> {
        let taken = self.0.count.fetch_add(1, Release);
        if taken >= self.0.options.subscriptions {
            self.0.count.fetch_sub(1, Release);
            return Err(HubFull(taken));
        }
        let mailbox = Arc::new(Mailbox::new(filter, self.0.options.queue));
        if mailbox.filter.tasks.is_empty() {
            self.0.broad.write().push(Arc::clone(&mailbox));
            self.0.broad_count.fetch_add(1, Release);
        } else {
            let mut by_task = self.0.by_task.write();
            for task in &mailbox.filter.tasks {
                by_task.entry(*task).or_default().push(Arc::clone(&mailbox));
            }
        }
        if self.0.closed.load(Acquire) {
            mailbox.close();
        }
        Ok(Subscription { mailbox, hub: Arc::clone(&self.0) })
    }

    /// Ends every subscription once it has drained, and those that come later at once.
    pub fn close(&self) {
        self.0.closed.store(true, Release);
        for mailbox in self.0.by_task.read().values().flatten().chain(self.0.broad.read().iter()) {
            mailbox.close();
        }
    }

    /// Returns how many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.0.count.load(Relaxed)
    }
}

fn deliver(mailboxes: &[Arc<Mailbox>], event: &Arc<TaskEvent>) {
    for mailbox in mailboxes.iter().filter(|mailbox| mailbox.filter.matches(&event.key)) {
        mailbox.push(Arc::clone(event));
    }
}

impl Inner {
    /// Forgets a subscription.
    pub(super) fn remove(&self, mailbox: &Arc<Mailbox>) {
        if mailbox.filter.tasks.is_empty() {
            self.broad.write().retain(|other| !Arc::ptr_eq(other, mailbox));
            self.broad_count.fetch_sub(1, Release);
        } else {
            let mut by_task = self.by_task.write();
            for task in &mailbox.filter.tasks {
                if let Some(mailboxes) = by_task.get_mut(task) {
                    mailboxes.retain(|other| !Arc::ptr_eq(other, mailbox));
                    if mailboxes.is_empty() {
                        by_task.remove(task);
                    }
                }
            }
            if by_task.is_empty() {
                by_task.shrink_to(64);
            }
        }
        self.count.fetch_sub(1, Release);
    }
}
