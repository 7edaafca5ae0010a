use std::{sync::Arc, time::Duration};

use connectrpc::ErrorCode;

use super::Supervisor;
use crate::Refusal;

/// A submit's place in the queue, or already a runner's slot; given back when it is dropped.
pub(super) struct Place<'a> {
    supervisor: &'a Arc<Supervisor>,
    slot: bool,
    kept: bool,
}

impl<'a> Place<'a> {
    /// Takes a place, and a slot where one is free and the task is not to be held.
    pub(super) fn take(supervisor: &'a Arc<Supervisor>, held: bool) -> Result<Self, Refusal> {
        let mut queue = supervisor.queue.lock();
        queue.take_place().map_err(|full| {
            Refusal::new(
                ErrorCode::ResourceExhausted,
                "QUEUE_FULL",
                "queue",
                format!("the queue is full: {} tasks wait", full.places),
                "try again a little later, or start the node with a larger --max-queued",
            )
            .retry_after(Duration::from_millis(100))
        })?;
        let slot = !held && queue.take_slot();
        Ok(Self { supervisor, slot, kept: false })
    }

    pub(super) const fn is_slot(&self) -> bool {
        self.slot
    }

    /// Hands the place to the task; tells whether it is a slot.
    pub(super) fn keep(mut self) -> bool {
        self.kept = true;
        self.slot
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let mut queue = self.supervisor.queue.lock();
        if !self.slot {
            queue.give_place();
            return;
        }
        // others may have queued behind the slot
        if let Some(next) = queue.next() {
            drop(queue);
            self.supervisor.start(next, None);
        }
    }
}
