use std::path::PathBuf;
use std::sync::Arc;

use cyxwiz_model::{AttemptId, FilePath, MAX_FILES, Reason};
use cyxwiz_proto::v1;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};

use super::run::Run;
use crate::containers::chain;
use crate::ending::Ended;
use crate::files::{Bounds, Entry, Scan, Tus, UploadError, hash, open_file, scan};
use crate::journal::UploadKey;
use crate::trace::UPLOAD;

/// Outputs that are uploaded at once.
const AT_ONCE: usize = 8;

impl Run {
    /// Uploads what the script left, says so, and ends only when the server has everything.
    pub(super) async fn publish(&self, ended: Ended) {
        let phase = self.trace.begin(UPLOAD);
        let (ended, uploaded) = self.upload_outputs(ended).await;
        let uploaded = uploaded
            .map_err(|error| Ended::node(format!("outputs were not uploaded: {}", chain(&error))))
            .map(|outputs| (ended, outputs));
        let keeps = match &uploaded {
            Ok((ended, _)) | Err(ended) => ended.keeps_checkpoint(),
        };
        if keeps {
            self.last_checkpoint().await;
        }
        let (ended, outputs) = phase.of(uploaded).unwrap_or_else(|ended| (ended, Vec::new()));
        if !ended.message.is_empty() {
            self.spool.system(&ended.message);
        }
        self.spool.drained().await;
        self.reporter.report(v1::Finished { ending: ended.to_wire().into(), outputs, ..Default::default() });
        self.reporter.drained().await;
        tracing::info!(attempt.id = %self.handle.job.attempt, reason = %ended.reason, "reported an attempt's end");
    }

    async fn upload_outputs(&self, ended: Ended) -> (Ended, Result<Vec<v1::FileInfo>, UploadError>) {
        if !ended.delivers() {
            return (ended, Ok(Vec::new()));
        }
        let (folder, bytes) = (self.dir.output(), self.handle.job.max_output_bytes);
        let looked =
            tokio::task::spawn_blocking(move || scan(&folder, Bounds { files: MAX_FILES, bytes })).await;
        let seen = match looked.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok(seen) => seen,
            // nothing ran
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (ended, Ok(Vec::new())),
            Err(error) => {
                let ended = Ended::node(format!("the outputs cannot be read: {error}"));
                return (ended, Ok(Vec::new()));
            }
        };
        for line in &seen.skipped {
            self.spool.system(&format!("not uploaded: {line}"));
        }
        if seen.skipped_more > 0 {
            self.spool.system(&format!("not uploaded: {} more of the kind", seen.skipped_more));
        }
        if seen.too_much {
            let message = format!(
                "its outputs are more than {MAX_FILES} files or {bytes} bytes: write fewer, or pack them",
            );
            return (Ended::new(Reason::Disk, message), Ok(Vec::new()));
        }
        let ended = self.complete(ended, &seen);
        if !ended.delivers() {
            return (ended, Ok(Vec::new()));
        }
        let (id, root, tus) = (self.handle.job.attempt, self.dir.output(), self.tus(UPLOAD));
        let uploads: Vec<_> = seen
            .files
            .iter()
            .map(|entry| upload(tus.clone(), id, root.clone(), entry.clone()).boxed())
            .collect();
        let uploaded = futures::stream::iter(uploads).buffered(AT_ONCE).try_collect().await;
        (ended, uploaded)
    }

    /// A success lacks nothing that was declared.
    fn complete(&self, ended: Ended, seen: &Scan) -> Ended {
        if ended.reason != Reason::Succeeded {
            return ended;
        }
        let missing: Vec<&FilePath> =
            self.handle.job.spec.expected_outputs.iter().filter(|path| !has(seen, path)).collect();
        match missing.as_slice() {
            [] => ended,
            [first, rest @ ..] => {
                let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
                let message = format!("it ended well but left no `{first}`{more} in $CYX_OUTPUT_DIR");
                Ended { exit_code: ended.exit_code, ..Ended::new(Reason::NoOutput, message) }
            }
        }
    }
}

fn has(seen: &Scan, path: &FilePath) -> bool {
    seen.files.binary_search_by(|entry| entry.path.cmp(path)).is_ok()
}

async fn upload(
    tus: Tus,
    attempt: AttemptId,
    root: PathBuf,
    entry: Entry,
) -> Result<v1::FileInfo, UploadError> {
    let failed = |source| UploadError::Read { path: entry.path.to_string(), source };
    let path = entry.path.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let mut file = open_file(&root, &path)?;
        let (sha256, size) = hash(&mut file)?;
        Ok((file, sha256, size))
    });
    let (file, sha256, size) =
        opened.await.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(failed)?;
    let key = UploadKey { attempt, kind: "output", number: 0, path: &entry.path, sha256: &sha256 };
    tus.upload(key, Arc::new(file), size).await?;
    Ok(v1::FileInfo { path: entry.path.to_string(), size, sha256: sha256.to_vec(), ..Default::default() })
}
