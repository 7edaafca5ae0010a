//! The store itself.
//!
//! ```text
//! open (layout, temp) ── blob, writer (bytes by digest) ── put, load (artifacts) ── list, gc (housekeeping)
//! ```
//!
//! One lock file orders what removes and what relies: `gc`, `remove` and the last step of a put hold it
//! exclusively, a writer that finds its blob there already shares it. A new blob needs no lock: its name
//! is its content and its age keeps `gc` away.

mod blob;
mod gc;
mod index;
mod layout;
mod list;
mod listed;
mod load;
mod options;
mod put;
mod signatures;
mod temp;
mod writer;

use std::{path::Path, sync::Arc};

pub use blob::StoredBlob;
pub use gc::GcReport;
pub use index::Index;
pub use list::ListedArtifact;
pub use load::{Artifact, ReadManifest, Trust, VerifiedArtifact};
pub use options::{BlobDurability, StoreOptions};
pub use put::PutOutcome;
pub use writer::BlobWriter;

use layout::Layout;
use listed::Listed;
use temp::TempHome;

use crate::{
    StoreError, TrustStore,
    lock::{FileLock, LockMode},
};

/// A content-addressed store in an OCI image layout. Clones are the same store; several processes may
/// have one open.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    layout: Layout,
    options: StoreOptions,
    trust: TrustStore,
    temp: TempHome,
    listed: Listed,
}

impl Store {
    /// Opens the store in `dir`, making it where there is none, and clears away what processes that died
    /// left half-written.
    ///
    /// # Errors
    /// When the folder holds something else, or it or the trust folder cannot be read.
    pub fn open(dir: impl AsRef<Path>, options: StoreOptions) -> Result<Self, StoreError> {
        let trust = TrustStore::open(&options.trust_dir)?;
        let layout = Layout::open(dir.as_ref(), options.lock_timeout)?;
        temp::sweep_if_idle(&layout)?;
        let temp = TempHome::new(&layout, options.lock_timeout);
        Ok(Self(Arc::new(Inner { layout, options, trust, temp, listed: Listed::default() })))
    }

    /// Returns the store's folder.
    pub fn dir(&self) -> &Path {
        self.0.layout.root()
    }

    /// Returns the options that the store was opened with.
    pub fn options(&self) -> &StoreOptions {
        &self.0.options
    }

    /// Returns the trusted keys.
    pub fn trust(&self) -> &TrustStore {
        &self.0.trust
    }

    fn lock(&self, mode: LockMode) -> Result<FileLock, StoreError> {
        FileLock::acquire(&self.0.layout.lock(), mode, self.0.options.lock_timeout)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.dir()).finish_non_exhaustive()
    }
}
