use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use buffa::Message as _;
use cyxwiz_model::{AttemptId, Moment, NodeId};
use cyxwiz_proto::v1;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::answers::Answers;
use super::beats::Beats;

/// The nodes whose streams this server holds. What is remembered here can be lost: a node comes back with a hello.
#[derive(Debug, Default)]
pub struct Streams {
    held: Mutex<HashMap<NodeId, Held>>,
    serial: AtomicU64,
    pub(super) answers: Answers,
    pub(super) beats: Mutex<Beats>,
    /// Held while beats are written: who has waited for it finds them in the tables.
    pub(super) writing: tokio::sync::Mutex<()>,
}

/// One stream.
#[derive(Debug)]
struct Held {
    serial: u64,
    sender: mpsc::Sender<v1::AttendResponse>,
    /// Attempts that the node works on, as far as this server knows.
    works_on: HashSet<AttemptId>,
    /// What it was told already on this stream.
    told: HashSet<(AttemptId, Told)>,
}

/// What a node is told once a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Told {
    /// To take an attempt.
    Assigned,
    /// To stop it.
    Stopped,
}

impl Streams {
    /// Takes a node's stream; an older one of the same node ends by that.
    pub(super) fn take(
        &self,
        node: NodeId,
        works_on: HashSet<AttemptId>,
        sender: mpsc::Sender<v1::AttendResponse>,
    ) -> u64 {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let held = Held { serial, sender, works_on, told: HashSet::new() };
        self.held.lock().insert(node, held);
        serial
    }

    /// Gives a stream up, unless a newer one took its place; says whether it did.
    pub(super) fn drop_stream(&self, node: NodeId, serial: u64) -> bool {
        let mut held = self.held.lock();
        let ours = held.get(&node).is_some_and(|held| held.serial == serial);
        if ours {
            held.remove(&node);
        }
        ours
    }

    /// Whether this stream is the node's newest.
    pub(super) fn is_held(&self, node: NodeId, serial: u64) -> bool {
        self.held.lock().get(&node).is_some_and(|held| held.serial == serial)
    }

    /// Every node whose stream is here.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        self.held.lock().keys().copied().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.held.lock().len()
    }

    /// Whether this node's is.
    #[must_use]
    pub fn holds(&self, node: NodeId) -> bool {
        self.held.lock().contains_key(&node)
    }

    /// Notes that a node took an attempt.
    pub(super) fn works_on(&self, node: NodeId, attempt: AttemptId) {
        if let Some(held) = self.held.lock().get_mut(&node) {
            held.works_on.insert(attempt);
        }
    }

    /// Attempts that the node works on although they are not among `open` any more: forgotten with this.
    pub(super) fn fenced(&self, node: NodeId, open: &HashSet<AttemptId>) -> Vec<AttemptId> {
        let mut held = self.held.lock();
        let Some(held) = held.get_mut(&node) else { return Vec::new() };
        let gone: Vec<AttemptId> = held.works_on.difference(open).copied().collect();
        for attempt in &gone {
            held.works_on.remove(attempt);
        }
        held.told.retain(|(attempt, _)| open.contains(attempt));
        gone
    }

    /// Whether the node was told so already.
    pub(super) fn was_told(&self, node: NodeId, attempt: AttemptId, told: Told) -> bool {
        self.held.lock().get(&node).is_some_and(|held| held.told.contains(&(attempt, told)))
    }

    /// Whether the node was not yet told so; from now on it was.
    pub(super) fn first_time(&self, node: NodeId, attempt: AttemptId, told: Told) -> bool {
        self.held.lock().get_mut(&node).is_some_and(|held| held.told.insert((attempt, told)))
    }

    /// Sends to a node. A stream that takes nothing any more is given up: the node will come back.
    pub(super) fn send(&self, node: NodeId, message: v1::AttendResponse) {
        let mut held = self.held.lock();
        if held.get(&node).is_some_and(|held| held.sender.try_send(message).is_err()) {
            held.remove(&node);
        }
    }

    /// Takes a beat.
    pub(super) fn beat(&self, node: NodeId, beat: &v1::Beat, now: Moment) {
        let mut beats = self.beats.lock();
        beats.node(node, now);
        for used in &beat.attempts {
            if let Ok(attempt) = used.attempt_id.parse::<AttemptId>() {
                let usage = used.usage.as_option().map(v1::Usage::encode_to_vec).unwrap_or_default();
                beats.run(attempt, now, usage);
            }
        }
    }

    /// Which of the attempts in a beat are the node's.
    pub(super) fn own(&self, node: NodeId, beat: &mut v1::Beat) {
        let held = self.held.lock();
        let works_on = held.get(&node).map(|held| &held.works_on);
        beat.attempts.retain(|used| {
            let attempt = used.attempt_id.parse().ok();
            attempt.is_some_and(|attempt: AttemptId| works_on.is_some_and(|all| all.contains(&attempt)))
        });
    }

    /// A node is there although it has not beaten yet.
    pub(super) fn seen(&self, node: NodeId, now: Moment) {
        self.beats.lock().node(node, now);
    }
}
