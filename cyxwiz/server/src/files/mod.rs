//! Files of jobs: uploads that go on where they were cut (tus), whole only when their digest holds, and links to
//! read them at.
//!
//! ```text
//! POST /files ─► row (open) ─► PATCH … ─► parts, each an object ─► digest of the whole ─► row (whole)
//!                                             └─ any server takes the next one         ─► links, of_job, of_attempt
//! ```
//! Nothing of an upload is in a server's memory, so that several servers share one. An object is written down as an
//! orphan before it is stored and struck out with the row that names it: a crash leaves nothing that no sweep finds.

mod access;
mod append;
mod create;
mod download;
mod fault;
mod links;
mod metadata;
mod range;
mod read;
mod row;
mod store;
mod sweep;
mod tus;

use std::sync::Arc;

use cyxwiz_model::Moment;
use object_store::ObjectStore;

pub(crate) use links::UPLOAD_PREFIX;
pub use row::{FileKind, StoredFile};
pub(crate) use tus::router;

use crate::{Clock, Config, Db, ServerError, platform};

/// The files of every job. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Files(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn ObjectStore>,
    db: Db,
    clock: Clock,
    key: [u8; 32],
    public_url: String,
    max_output_bytes: u64,
}

impl Files {
    /// Opens the object store.
    ///
    /// # Errors
    /// A folder or bucket that cannot be used; the database failed.
    pub async fn open(config: &Config, db: &Db, clock: &Clock) -> Result<Self, ServerError> {
        let store = store::open(&config.storage.objects).await?;
        let key = platform::link_key(db).await?;
        let public_url = config.listen.public_url.clone().unwrap_or_default();
        let max_output_bytes = config.market.max_output_bytes;
        Ok(Self(Arc::new(Inner {
            store,
            db: db.clone(),
            clock: clock.clone(),
            key,
            public_url,
            max_output_bytes,
        })))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn objects(&self) -> &dyn ObjectStore {
        &*self.0.store
    }

    fn now(&self) -> Moment {
        self.0.clock.now()
    }
}
