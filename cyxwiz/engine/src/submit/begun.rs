//! What a submit has begun and not ended: kept in a file, so that the same command goes on where it was cut off
//! instead of buying a second job.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cyxwiz_chain::escrow::Address;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::context::state_dir;
use crate::error::CliError;
use crate::folder::{Budget, Digested};
use crate::server::Origin;
use cyxwiz_model::JobSpec;

/// One submit of one job by one wallet at one server.
pub(super) struct Begun {
    path: PathBuf,
    pub(super) record: Option<Record>,
    _lock: File,
}

/// How far it came.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// The key under which the server knows the draft.
    pub(super) key: String,
    /// The quote it was asked for at, as bytes in hex.
    pub(super) quote: String,
    pub(super) deposit: u64,
    pub(super) limit: u64,
}

impl Begun {
    /// That of this job. Nobody else submits the same one while this lives.
    pub(super) fn of(
        server: &Origin,
        owner: &Address,
        spec: &JobSpec,
        budget: Budget,
        files: &[Digested],
    ) -> Result<Self, CliError> {
        let mut hasher = Sha256::new();
        // a newer version may write it otherwise: then it does not find what an older one began, and begins anew
        hasher.update(format!("{server}\n{owner}\n{spec:?}\n{budget:?}\n"));
        for Digested { file, sha256 } in files {
            hasher.update(format!("{} {} {}\n", file.path, file.size, hex::encode(sha256)));
        }
        let name = hex::encode(hasher.finalize());
        let path = state_dir()?.join("submits").join(format!("{}.json", name.get(..32).unwrap_or(&name)));
        let failed = |source| CliError::Draft { path: path.display().to_string(), source };
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        let lock = File::create(path.with_extension("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CliError::SubmitsAlready),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let record = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { path, record, _lock: lock })
    }

    /// Keeps it before anything follows from it.
    pub(super) fn keep(&self, record: &Record) -> Result<(), CliError> {
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(self.path.parent().unwrap_or(Path::new(".")))?;
            file.write_all(&serde_json::to_vec(record)?)?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            Ok(())
        };
        write().map_err(|source| self.failed(source))
    }

    /// It is queued, or was given up.
    pub(super) fn forget(&self) -> Result<(), CliError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => {
                let _ = fs::remove_file(self.path.with_extension("lock"));
                Ok(())
            }
        }
    }

    fn failed(&self, source: io::Error) -> CliError {
        CliError::Draft { path: self.path.display().to_string(), source }
    }
}
