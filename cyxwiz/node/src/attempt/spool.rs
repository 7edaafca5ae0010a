use std::sync::Arc;
use std::time::Duration;

use buffa::Message as _;
use cyxwiz_model::AttemptId;
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::log_entry::Entry;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::handle::Handle;
use crate::backoff::Backoff;
use crate::ending::Cause;
use crate::journal::Journal;
use crate::server::{Next, Server};

/// Pushes that are part of the job's trace: a job that writes for days must not make a trace that nothing can show.
const TRACED_PUSHES: u32 = 100;
/// How long output is gathered before it goes on: a line is at the server within twice that.
const GATHER: Duration = Duration::from_millis(30);
/// Bytes that are gathered at most before they go into the journal at once.
const GATHER_BYTES: usize = 256 << 10;
/// Bytes of one entry.
const ENTRY_BYTES: usize = 64 << 10;
/// Bytes of one push: a message holds 1 MiB.
const PUSH_BYTES: usize = 512 << 10;

/// What an attempt writes, on its way to the server through the journal: nothing is lost when the connection is, or
/// when the agent starts anew. Clones are the same spool.
#[derive(Clone)]
pub(super) struct Spool(Arc<Inner>);

struct Inner {
    handle: Arc<Handle>,
    journal: Arc<Journal>,
    gathered: Mutex<Gathered>,
    /// Something was gathered.
    grown: Notify,
    /// Something is in the journal.
    kept: Notify,
    /// Something went to the server, or was given up.
    pushed: Notify,
}

#[derive(Default)]
struct Gathered {
    entries: Vec<v1::LogEntry>,
    bytes: usize,
    /// Bytes of the whole log so far.
    total: u64,
    full: bool,
}

impl Spool {
    pub(super) fn new(handle: Arc<Handle>, journal: Arc<Journal>) -> Self {
        let (total, full) = journal.log_state(handle.job.attempt).unwrap_or((0, false));
        let gathered = Mutex::new(Gathered { total, full, ..Gathered::default() });
        Self(Arc::new(Inner {
            handle,
            journal,
            gathered,
            grown: Notify::new(),
            kept: Notify::new(),
            pushed: Notify::new(),
        }))
    }

    fn id(&self) -> AttemptId {
        self.0.handle.job.attempt
    }

    /// Takes output of the script.
    pub(super) fn output(&self, stream: v1::LogStream, data: &[u8]) {
        for part in data.chunks(ENTRY_BYTES) {
            let most = self.0.handle.job.max_log_bytes;
            let mut gathered = self.0.gathered.lock();
            if gathered.full {
                return;
            }
            let room = usize::try_from(most.saturating_sub(gathered.total)).unwrap_or(usize::MAX);
            let fits = part.get(..room.min(part.len())).unwrap_or_default();
            if !fits.is_empty() {
                gathered.add(self.chunk(stream, fits.to_vec()), fits.len());
            }
            if fits.len() < part.len() {
                gathered.full = true;
                let words = format!("the log is full at {most} bytes: what comes after is dropped\n");
                gathered.add(self.chunk(v1::LogStream::System, words.into_bytes()), 0);
            }
            self.gathered(gathered.bytes);
        }
    }

    /// Says something in the node's own name.
    pub(super) fn system(&self, words: &str) {
        let mut gathered = self.0.gathered.lock();
        let line = format!("{}\n", words.trim_end());
        let bytes = line.len();
        gathered.add(self.chunk(v1::LogStream::System, line.into_bytes()), bytes);
        self.gathered(gathered.bytes);
    }

    /// Takes a line of the metrics file.
    pub(super) fn progress(&self, mut progress: v1::Progress) {
        progress.epoch = self.0.handle.job.epoch;
        let mut gathered = self.0.gathered.lock();
        if !gathered.full {
            let bytes = 16 + progress.values.len() * 24;
            let entry =
                v1::LogEntry { entry: Some(Entry::Progress(Box::new(progress))), ..Default::default() };
            gathered.add(entry, bytes);
            self.gathered(gathered.bytes);
        }
    }

    fn chunk(&self, stream: v1::LogStream, data: Vec<u8>) -> v1::LogEntry {
        let epoch = self.0.handle.job.epoch;
        let chunk = v1::LogChunk { epoch, stream: stream.into(), data, ..Default::default() };
        v1::LogEntry { entry: Some(Entry::Log(Box::new(chunk))), ..Default::default() }
    }

    fn gathered(&self, bytes: usize) {
        self.0.grown.notify_one();
        if bytes > GATHER_BYTES {
            // the guest writes faster than the journal: it waits
            self.0.kept.notify_one();
        }
    }

    /// Puts what was gathered into the journal.
    fn keep(&self) {
        let mut gathered = self.0.gathered.lock();
        if gathered.entries.is_empty() {
            return;
        }
        let entries: Vec<Vec<u8>> = gathered.entries.drain(..).map(|entry| entry.encode_to_vec()).collect();
        gathered.bytes = 0;
        // under the lock, so that the order is one
        if let Err(error) = self.0.journal.append_log(self.id(), &entries) {
            tracing::error!(attempt.id = %self.id(), %error, "output was lost: the journal cannot be written");
        }
        drop(gathered);
        self.0.kept.notify_one();
    }

    /// Waits while there is too much that is not in the journal yet.
    pub(super) fn relieve(&self) {
        if self.0.gathered.lock().bytes > GATHER_BYTES {
            self.keep();
        }
    }

    /// Keeps and pushes for as long as it is polled.
    pub(super) async fn run(&self, server: &Server) {
        let keeping = async {
            loop {
                self.0.grown.notified().await;
                tokio::time::sleep(GATHER).await;
                self.keep();
            }
        };
        tokio::join!(keeping, self.push(server));
    }

    async fn push(&self, server: &Server) {
        let (mut backoff, mut pushes) = (Backoff::default(), 0_u32);
        loop {
            let backlog = match self.0.journal.backlog(self.id(), PUSH_BYTES) {
                Ok(backlog) => backlog,
                Err(error) => {
                    tracing::error!(attempt.id = %self.id(), %error, "output waits: the journal cannot be read");
                    backoff.wait(None).await;
                    continue;
                }
            };
            if backlog.entries.is_empty() {
                self.0.pushed.notify_waiters();
                self.0.kept.notified().await;
                continue;
            }
            let entries =
                backlog.entries.iter().filter_map(|entry| v1::LogEntry::decode_from_slice(entry).ok());
            let request = v1::PushLogsRequest {
                attempt_id: self.id().to_string(),
                epoch: self.0.handle.job.epoch,
                first_seq: backlog.first_seq,
                entries: entries.collect(),
                ..Default::default()
            };
            let trace = if pushes < TRACED_PUSHES { self.0.handle.job.traceparent.as_str() } else { "" };
            pushes = pushes.saturating_add(1);
            match server.push_logs(request, trace).await {
                Ok(answer) if answer.full => self.give_up(),
                Ok(answer) if answer.stored_seq >= backlog.first_seq => {
                    backoff.reset();
                    let _ = self.0.journal.stored(self.id(), answer.stored_seq);
                }
                Ok(_) => backoff.wait(None).await,
                Err(fault) => match fault.next() {
                    Next::Again(hint) => backoff.wait(hint).await,
                    Next::Fenced => {
                        self.0.handle.stop(Cause::Fenced);
                        return;
                    }
                    Next::Never => {
                        tracing::error!(attempt.id = %self.id(), %fault, "the server takes no output of the attempt");
                        self.give_up();
                    }
                },
            }
        }
    }

    fn give_up(&self) {
        self.0.gathered.lock().full = true;
        let _ = self.0.journal.log_full(self.id());
    }

    /// Completes when the server has everything. [`Spool::run`] must be polled meanwhile.
    pub(super) async fn drained(&self) {
        loop {
            let pushed = self.0.pushed.notified();
            tokio::pin!(pushed);
            pushed.as_mut().enable();
            self.keep();
            let left = self.0.journal.backlog(self.id(), 1).map_or(0, |backlog| backlog.entries.len());
            if left == 0 {
                return;
            }
            self.0.kept.notify_one();
            pushed.await;
        }
    }
}

impl Gathered {
    fn add(&mut self, entry: v1::LogEntry, bytes: usize) {
        self.entries.push(entry);
        self.bytes += bytes;
        self.total = self.total.saturating_add(bytes as u64);
    }
}
