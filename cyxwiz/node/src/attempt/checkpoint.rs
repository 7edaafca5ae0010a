use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cyxwiz_proto::v1;
use tokio::time::Instant;

use super::run::Run;
use crate::files::{Bounds, Entry, Scan, hash, open_file, scan};
use crate::journal::UploadKey;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Files that have not changed for so long are whole.
const QUIET: Duration = Duration::from_secs(2);
/// A script that writes all the time gets its checkpoint anyway, once it is so much overdue: then a shorter quiet does.
const OVERDUE: Duration = Duration::from_secs(10);
const SHORT_QUIET: Duration = Duration::from_millis(250);
/// Files of one checkpoint.
const MAX_FILES: usize = 10_000;

/// Whether what lies in the folder is a whole checkpoint that is worth an upload. `due` is for how long one has been due.
fn is_ready(seen: &Scan, sent: &[Entry], due: Option<Duration>, now_ns: i128) -> bool {
    let Some(due) = due else { return false };
    if seen.files.is_empty() || seen.too_much || seen.files == sent {
        return false;
    }
    let quiet = if due > OVERDUE { SHORT_QUIET } else { QUIET };
    let newest = seen.files.iter().map(|entry| entry.modified_ns).max().unwrap_or(now_ns);
    now_ns - newest >= i128::try_from(quiet.as_nanos()).unwrap_or(i128::MAX)
}

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
            if !is_ready(&seen, &sent, due, now_ns()) {
                continue;
            }
            match self.upload_checkpoint(&seen).await {
                Ok(true) => {
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
        if let Err(error) = self.upload_checkpoint(&seen).await {
            self.spool.system(&format!("the last checkpoint was not uploaded: {error}"));
        }
    }

    async fn look(&self) -> Option<Scan> {
        let (folder, bytes) = (self.dir.checkpoints(), self.handle.job.max_output_bytes);
        let looked = tokio::task::spawn_blocking(move || scan(&folder, Bounds { files: MAX_FILES, bytes }));
        looked.await.ok()?.ok()
    }

    /// Copies the set, makes sure that it did not change meanwhile, uploads and reports it.
    async fn upload_checkpoint(&self, seen: &Scan) -> Result<bool, String> {
        let id = self.handle.job.attempt;
        let (from, to) = (self.dir.checkpoints(), self.dir.staged());
        let entries = seen.files.clone();
        let copied = tokio::task::spawn_blocking(move || stage(&from, &to, &entries)).await;
        let staged = match copied.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(staged) => staged,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error.to_string()),
        };
        if self.look().await.is_none_or(|again| again.files != seen.files) {
            return Ok(false);
        }
        let number = self.tools.journal.next_checkpoint(id).map_err(|error| error.to_string())?;
        let tus = self.tus();
        let mut files = Vec::with_capacity(staged.len());
        for (entry, sha256, file) in staged {
            let key =
                UploadKey { attempt: id, kind: "checkpoint", number, path: &entry.path, sha256: &sha256 };
            tus.upload(key, Arc::new(file), entry.size)
                .await
                .map_err(|error| super::prepare::chain(&error))?;
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

type Staged = (Entry, [u8; 32], fs::File);

/// Copies files that a script may be writing to, so that what is hashed is what is sent.
fn stage(from: &Path, to: &Path, entries: &[Entry]) -> io::Result<Vec<Staged>> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(to)?,
    }
    let copy = |(index, entry): (usize, &Entry)| {
        let mut source = open_file(from, &entry.path)?;
        let place = to.join(index.to_string());
        let mut copy = fs::OpenOptions::new().read(true).write(true).create_new(true).open(&place)?;
        let copied = io::copy(&mut io::Read::take(&mut source, entry.size + 1), &mut copy)?;
        if copied != entry.size {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        // nobody else sees it from here on
        fs::remove_file(&place)?;
        let (sha256, _) = hash(&mut copy)?;
        Ok((entry.clone(), sha256, copy))
    };
    entries.iter().enumerate().map(copy).collect()
}

fn now_ns() -> i128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(now.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 1_000_000_000;

    fn seen(modified: &[i128]) -> Scan {
        let entry = |(n, modified_ns): (usize, &i128)| Entry {
            path: format!("f{n}").parse().unwrap(),
            size: 1,
            inode: 1,
            modified_ns: *modified_ns,
        };
        Scan { files: modified.iter().enumerate().map(entry).collect(), ..Scan::default() }
    }

    #[test]
    fn a_checkpoint_is_whole_when_it_is_quiet() {
        let due = Some(Duration::from_secs(1));
        let now = 100 * SECOND;
        assert!(is_ready(&seen(&[98 * SECOND, 90 * SECOND]), &[], due, now));
        assert!(!is_ready(&seen(&[99 * SECOND, 90 * SECOND]), &[], due, now));
        assert!(!is_ready(&seen(&[]), &[], due, now));
        assert!(!is_ready(&seen(&[1]), &[], None, now));
        assert!(!is_ready(&seen(&[1]), &seen(&[1]).files, due, now));
        assert!(!is_ready(&Scan { too_much: true, ..seen(&[1]) }, &[], due, now));
    }

    #[test]
    fn one_that_is_long_overdue_waits_for_less() {
        let now = 100 * SECOND;
        let busy = seen(&[now - SECOND / 2]);
        assert!(!is_ready(&busy, &[], Some(Duration::from_secs(9)), now));
        assert!(is_ready(&busy, &[], Some(Duration::from_secs(11)), now));
        assert!(!is_ready(&seen(&[now]), &[], Some(Duration::from_secs(11)), now));
    }

    #[test]
    fn a_copy_is_of_one_piece() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        fs::create_dir_all(from.join("d")).unwrap();
        fs::write(from.join("d/x"), b"abc").unwrap();
        let files = scan(&from, Bounds { files: 9, bytes: 99 }).unwrap().files;
        let staged = stage(&from, &to, &files).unwrap();
        assert_eq!(staged.len(), 1);
        fs::write(from.join("d/x"), b"abcd").unwrap();
        assert!(stage(&from, &to, &files).is_err());
    }
}
