use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cyxwiz_model::MAX_FILES;
use cyxwiz_proto::v1;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::run::Run;
use super::snapshot::{Held, Ready, SHORT_QUIET, Staged, ready, stage};
use crate::files::{Bounds, Entry, Scan, scan};
use crate::journal::UploadKey;
use crate::trace::{RUN, UPLOAD};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(500);

impl Run {
    /// What lies in the folder before the script starts: restored, hence no news.
    pub(super) async fn restored(&self) -> Vec<Entry> {
        self.look().await.map(|seen| seen.files).unwrap_or_default()
    }

    /// Uploads checkpoints as the script writes them, beginning from what was `sent`. Completes never by itself.
    pub(super) async fn checkpoints(&self, mut sent: Vec<Entry>) {
        let every = self.handle.job.checkpoint_every;
        let mut due_at: Option<Instant> = Some(Instant::now());
        loop {
            tokio::time::sleep(LOOK).await;
            let Some(seen) = self.look().await else { continue };
            let due = due_at.map(|at| at.elapsed()).filter(|_| due_at.is_some_and(|at| at <= Instant::now()));
            let staged = match ready(&seen, &sent, due, now_ns()) {
                Ready::No => continue,
                Ready::Quiet => self.stage_quiet(&seen).await,
                Ready::Watch => self.stage_watched(&seen).await,
            };
            match self.upload_checkpoint(staged, RUN).await {
                Ok(true) => {
                    tracing::info!(attempt.id = %self.handle.job.attempt, files = seen.files.len(), "a checkpoint is kept");
                    sent = seen.files;
                    due_at = Some(Instant::now() + every);
                }
                // it changed under our hands
                Ok(false) => {}
                Err(error) => {
                    self.spool.system(&format!("a checkpoint was not uploaded: {error}"));
                    due_at = Some(Instant::now() + every);
                }
            }
        }
    }

    /// Uploads what lies in the folder when the script is gone.
    pub(super) async fn last_checkpoint(&self) {
        let Some(seen) = self.look().await else { return };
        if seen.files.is_empty() || seen.too_much {
            return;
        }
        let staged = self.stage_quiet(&seen).await;
        if let Err(error) = self.upload_checkpoint(staged, UPLOAD).await {
            self.spool.system(&format!("the last checkpoint was not uploaded: {error}"));
        }
    }

    async fn look(&self) -> Option<Scan> {
        let (folder, bytes) = (self.dir.checkpoints(), self.handle.job.max_output_bytes);
        let looked = spawn_blocking(move || scan(&folder, Bounds { files: MAX_FILES, bytes }));
        looked.await.ok()?.ok()
    }

    /// Copies the set, and makes sure that it did not change meanwhile.
    async fn stage_quiet(&self, seen: &Scan) -> io::Result<Vec<Staged>> {
        let (from, to, entries) = (self.dir.checkpoints(), self.dir.staged(), seen.files.clone());
        let staged = blocking(move || stage(&from, &to, &entries)).await?;
        if self.is_still(seen).await { Ok(staged) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Holds the set as it stands now, watches it for a moment, and copies it where that shows it to be whole.
    async fn stage_watched(&self, seen: &Scan) -> io::Result<Vec<Staged>> {
        let (from, to, entries) = (self.dir.checkpoints(), self.dir.staged(), seen.files.clone());
        let held = blocking(move || Held::open(&from, &entries)).await?;
        let stood_together = self.is_still(seen).await;
        tokio::time::sleep(SHORT_QUIET).await;
        let again = self.look().await.filter(|_| stood_together).ok_or(io::ErrorKind::NotFound)?;
        blocking(move || match held.is_whole(&again.files, now_ns())? {
            true => held.copy(&to),
            false => Err(io::ErrorKind::NotFound.into()),
        })
        .await
    }

    async fn is_still(&self, seen: &Scan) -> bool {
        self.look().await.is_some_and(|again| again.files == seen.files)
    }

    /// Uploads and reports a set, as part of a phase. One that changed under our hands is none: `false`.
    async fn upload_checkpoint(&self, staged: io::Result<Vec<Staged>>, phase: &str) -> Result<bool, String> {
        let id = self.handle.job.attempt;
        let staged = match staged {
            Ok(staged) => staged,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error.to_string()),
        };
        let number = self.tools.journal.next_checkpoint(id).map_err(|error| error.to_string())?;
        let tus = self.tus(phase);
        let mut files = Vec::with_capacity(staged.len());
        for (entry, sha256, file) in staged {
            let key =
                UploadKey { attempt: id, kind: "checkpoint", number, path: &entry.path, sha256: &sha256 };
            tus.upload(key, Arc::new(file), entry.size)
                .await
                .map_err(|error| crate::containers::chain(&error))?;
            files.push(v1::FileInfo {
                path: entry.path.to_string(),
                size: entry.size,
                sha256: sha256.to_vec(),
                ..Default::default()
            });
        }
        self.reporter.report(v1::Checkpoint { number, files, ..Default::default() });
        Ok(true)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn now_ns() -> i128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(now.as_nanos()).unwrap_or(i128::MAX)
}
