//! The folder in which a node keeps everything.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use crate::NodeError;

/// The paths of a node's folder.
///
/// ```text
/// home/  store/   OCI image layout            trust/  public keys      keys/ the local key
///        aot/     compiled code, MACed        record/ the task record  tmp/  /out of running tasks
///        oci/     unpacked containers         vyr.sock  token  lock
/// ```
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

/// Held while a node uses its folder.
#[derive(Debug)]
pub(crate) struct HomeLock(#[expect(dead_code, reason = "holds the lock until it is dropped")] File);

impl Home {
    /// Names the folder; makes nothing.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes the folder, for its owner alone.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn create(&self) -> Result<(), NodeError> {
        for path in [self.0.clone(), self.tmp()] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|source| NodeError::Home { path, source })?;
        }
        Ok(())
    }

    /// Makes sure that no other node uses the folder.
    pub(crate) fn lock(&self) -> Result<HomeLock, NodeError> {
        let path = self.0.join("lock");
        let open = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = open.map_err(|source| NodeError::Home { path: path.clone(), source })?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(HomeLock(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(NodeError::InUse { home: self.0.clone() }),
            Err(errno) => Err(NodeError::Home { path, source: io::Error::from(errno) }),
        }
    }

    /// Returns the folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the artifact store's folder.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Returns the folder of trusted public keys.
    pub fn trust(&self) -> PathBuf {
        self.0.join("trust")
    }

    /// Returns the folder of the user's own keys.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// Returns the folder of compiled code.
    pub fn aot(&self) -> PathBuf {
        self.0.join("aot")
    }

    /// Returns the folder of the task record.
    pub fn record(&self) -> PathBuf {
        self.0.join("record")
    }

    /// Returns the folder of the OCI fallback.
    pub fn oci(&self) -> PathBuf {
        self.0.join("oci")
    }

    /// Returns the folder of running tasks' `/out`.
    pub fn tmp(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Returns the file with the token for TCP.
    pub fn token(&self) -> PathBuf {
        self.0.join("token")
    }
}
