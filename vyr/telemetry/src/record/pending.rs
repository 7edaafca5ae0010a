//! What waits for the disk: one buffer of frames, filled by callers and emptied by the writer.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

use super::{RecordError, Shared, frame};

/// How far an entry must have come before its [`Synced`] resolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// On the disk: survives a crash of the machine. For what is acknowledged.
    Synced,
    /// As [`Self::Synced`], but the disk is left alone for this long at most, so that what follows
    /// from this entry may join it: one sync for both. Anything else that wants the disk ends the wait.
    Joinable(Duration),
    /// With the system: survives a `kill -9` of the node, not a crash of the machine. About the
    /// price of one hand-over to the writer; for a start that must not be forgotten.
    Written,
    /// In memory, written within the record's `volatile_delay`. Resolves at once.
    Buffered,
}

type Answer = Result<(), RecordError>;

/// Resolves when an entry is where its [`Commit`] wants it. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "an entry is acknowledged only when this resolves"]
pub struct Synced {
    answer: Option<oneshot::Receiver<Answer>>,
    /// The number of the batch that holds the entry.
    batch: u64,
}

impl Future for Synced {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        match &mut self.answer {
            None => Poll::Ready(Ok(())),
            Some(answer) => {
                Pin::new(answer).poll(context).map(|sent| sent.unwrap_or(Err(RecordError::Closed)))
            }
        }
    }
}

/// One frame of a batch.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Bytes, head included; 0 for a barrier.
    pub(super) length: usize,
    pub(super) commit: Commit,
    pub(super) waiter: Option<oneshot::Sender<Answer>>,
}

/// Frames that are written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) frames: Vec<Waiting>,
}

impl Batch {
    /// Tells whether a frame waits for the disk.
    pub(super) fn needs_sync(&self) -> bool {
        self.frames.iter().any(|frame| matches!(frame.commit, Commit::Synced | Commit::Joinable(_)))
    }

    /// Empties it, and gives back memory that only a burst needed.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
        self.bytes.shrink_to(256 << 10);
        self.frames.shrink_to(1_024);
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// At work; looks again before it rests.
    #[default]
    Busy,
    /// Waits for buffered or joinable frames to fall due, until then.
    Dozing(Instant),
    /// Waits for anything.
    Idle,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    /// The number of the batch that is being filled.
    number: u64,
    urgent: bool,
    /// When buffered frames are to be written.
    due: Option<Instant>,
    /// When joinable frames are to be written, joined or not.
    join_until: Option<Instant>,
    closed: bool,
    failed: Option<(Shared<io::Error>, Instant)>,
    writer: Writer,
}

#[derive(Debug)]
pub(super) struct Pending {
    state: Mutex<State>,
    work: Condvar,
    space: Notify,
    limit: usize,
    delay: Duration,
}

/// Why a frame was not taken.
pub(super) enum Refused {
    /// There is no room now.
    Full,
    /// It is no use to wait.
    Error(RecordError),
}

impl Pending {
    pub(super) fn new(limit: usize, delay: Duration) -> Self {
        Self { state: Mutex::default(), work: Condvar::new(), space: Notify::new(), limit, delay }
    }

    /// Puts an entry into the buffer; waits while there is no room.
    pub(super) async fn push<const N: usize>(
        &self,
        contents: [&[u8]; N],
        commit: Commit,
    ) -> Result<[Synced; N], RecordError> {
        loop {
            match self.try_push(contents, commit) {
                Ok(synced) => return Ok(synced),
                Err(Refused::Error(error)) => return Err(error),
                Err(Refused::Full) => {}
            }
            let mut space = std::pin::pin!(self.space.notified());
            space.as_mut().enable();
            match self.try_push(contents, commit) {
                Ok(synced) => return Ok(synced),
                Err(Refused::Error(error)) => return Err(error),
                Err(Refused::Full) => space.await,
            }
        }
    }

    /// Puts an entry into the buffer where there is room; empty content is a barrier.
    pub(super) fn try_push<const N: usize>(
        &self,
        contents: [&[u8]; N],
        commit: Commit,
    ) -> Result<[Synced; N], Refused> {
        let length: usize = contents.iter().map(|content| length_of(content)).sum();
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refused::Error(RecordError::Closed));
        }
        let full = self.is_full(&state, length);
        if let Some((source, until)) = &state.failed
            && (full || (commit != Commit::Buffered && Instant::now() < *until))
        {
            return Err(Refused::Error(RecordError::Unavailable { source: Shared::clone(source) }));
        }
        if full {
            return Err(Refused::Full);
        }
        let synced = contents.map(|content| self.put(&mut state, content, commit));
        self.wake(state);
        Ok(synced)
    }

    /// Puts an entry into the batch that holds `earlier`, so that both or neither come to the disk; `None`
    /// where that batch has gone there already, or has no room.
    pub(super) fn try_join(&self, content: &[u8], earlier: &Synced) -> Option<Synced> {
        let mut state = self.state.lock();
        if state.closed || state.number != earlier.batch || self.is_full(&state, length_of(content)) {
            return None;
        }
        let synced = self.put(&mut state, content, Commit::Synced);
        self.wake(state);
        Some(synced)
    }

    /// Tells whether the batch that holds an entry still takes others.
    pub(super) fn takes_more(&self, synced: &Synced) -> bool {
        self.state.lock().number == synced.batch
    }

    fn is_full(&self, state: &State, length: usize) -> bool {
        !state.batch.bytes.is_empty() && state.batch.bytes.len() + length > self.limit
    }

    fn put(&self, state: &mut State, content: &[u8], commit: Commit) -> Synced {
        if !content.is_empty() {
            frame::push(&mut state.batch.bytes, content);
        }
        match commit {
            Commit::Buffered => {
                state.due.get_or_insert_with(|| Instant::now() + self.delay);
            }
            Commit::Joinable(delay) => {
                let until = Instant::now() + delay;
                state.join_until = Some(state.join_until.map_or(until, |other| other.min(until)));
            }
            Commit::Synced | Commit::Written => state.urgent = true,
        }
        let (waiter, answer) = match commit {
            Commit::Buffered => (None, None),
            _ => {
                let (sender, receiver) = oneshot::channel();
                (Some(sender), Some(receiver))
            }
        };
        state.batch.frames.push(Waiting { length: length_of(content), commit, waiter });
        Synced { answer, batch: state.number }
    }

    /// Wakes the writer where it would otherwise sleep too long.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let sleeps = match state.writer {
            Writer::Busy => false,
            Writer::Dozing(until) => {
                state.urgent || state.closed || state.join_until.is_some_and(|join| join < until)
            }
            Writer::Idle => true,
        };
        if sleeps {
            state.writer = Writer::Busy;
            drop(state);
            self.work.notify_one();
        }
    }

    /// Waits for frames and takes them; `None` once closed and empty. `spare` is an empty batch.
    pub(super) fn take(&self, spare: &mut Batch) -> bool {
        let mut state = self.state.lock();
        loop {
            if state.urgent || state.closed {
                break;
            }
            let due = match (state.due, &state.failed) {
                (Some(due), Some((_, until))) => Some(due.max(*until)),
                (due, _) => due,
            };
            match [due, state.join_until].into_iter().flatten().min() {
                Some(due) => {
                    state.writer = Writer::Dozing(due);
                    if self.work.wait_until(&mut state, due).timed_out() {
                        break;
                    }
                }
                None => {
                    state.writer = Writer::Idle;
                    self.work.wait(&mut state);
                }
            }
        }
        state.writer = Writer::Busy;
        state.urgent = false;
        state.due = None;
        state.join_until = None;
        state.number += 1;
        let goes_on = !(state.closed && state.batch.frames.is_empty());
        std::mem::swap(&mut state.batch, spare);
        drop(state);
        self.space.notify_waiters();
        goes_on
    }

    /// Notes that the disk took a batch.
    pub(super) fn succeeded(&self) {
        self.state.lock().failed = None;
    }

    /// Notes that the disk refused a batch: answers those that wait, keeps what is buffered.
    pub(super) fn failed(&self, batch: &mut Batch, source: Shared<io::Error>, until: Instant) {
        let mut kept = Batch::default();
        let mut at = 0;
        for mut waiting in batch.frames.drain(..) {
            let end = at + waiting.length;
            match waiting.waiter.take() {
                Some(waiter) => {
                    // a caller that no longer waits needs no answer
                    let _ = waiter.send(Err(RecordError::Unavailable { source: Shared::clone(&source) }));
                }
                None => {
                    kept.bytes.extend_from_slice(batch.bytes.get(at..end).unwrap_or_default());
                    kept.frames.push(waiting);
                }
            }
            at = end;
        }
        let mut state = self.state.lock();
        state.failed = Some((source, until));
        if state.closed || kept.frames.is_empty() {
            return;
        }
        kept.bytes.extend_from_slice(&state.batch.bytes);
        kept.frames.append(&mut state.batch.frames);
        state.batch = kept;
        state.due = Some(until);
    }

    /// Refuses all that comes from now on; what was taken is still written.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.wake(state);
        self.space.notify_waiters();
    }

    /// Refuses all that comes and answers all that waits: there is no writer any more.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.batch = Batch::default();
        drop(state);
        self.space.notify_waiters();
    }

    /// Tells whether nothing waits and nothing is being written.
    pub(super) fn is_quiet(&self) -> bool {
        let state = self.state.lock();
        state.batch.frames.is_empty() && state.writer == Writer::Idle
    }
}

fn length_of(content: &[u8]) -> usize {
    if content.is_empty() { 0 } else { frame::HEAD + content.len() }
}
