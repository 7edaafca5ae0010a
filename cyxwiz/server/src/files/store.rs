use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _};
// the object store's HTTP client, whose TLS nobody but who names it turns on
use reqwest as _;

use crate::ServerError;
use crate::config::Objects;

/// Written at every start into a bucket, and read back: who may not do that learns it now, not from a buyer's upload.
const PROBE: &str = "probe";

/// Opens the store that the configuration names.
pub(super) async fn open(objects: &Objects) -> Result<Arc<dyn ObjectStore>, ServerError> {
    match objects {
        Objects::Folder(folder) => {
            std::fs::create_dir_all(folder).map_err(ServerError::path(folder))?;
            let store = LocalFileSystem::new_with_prefix(folder)?;
            Ok(Arc::new(store.with_automatic_cleanup(true).with_fsync(true)))
        }
        Objects::S3 { bucket, prefix } => {
            // its HTTP client brings no cryptography of its own; one that is there already is as good
            let _ = rustls::crypto::ring::default_provider().install_default();
            let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build()?;
            let store: Arc<dyn ObjectStore> = match prefix.as_str() {
                "" => Arc::new(store),
                prefix => Arc::new(PrefixStore::new(store, prefix)),
            };
            let failed = |source| ServerError::Bucket { bucket: bucket.clone(), source };
            store.put(&Path::from(PROBE), PROBE.into()).await.map_err(failed)?;
            store.get(&Path::from(PROBE)).await.map_err(failed)?;
            Ok(store)
        }
    }
}
