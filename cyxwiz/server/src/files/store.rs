use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;

use crate::ServerError;
use crate::config::Objects;

/// Opens the store that the configuration names.
pub(super) fn open(objects: &Objects) -> Result<Arc<dyn ObjectStore>, ServerError> {
    match objects {
        Objects::Folder(folder) => {
            std::fs::create_dir_all(folder).map_err(ServerError::path(folder))?;
            let store = LocalFileSystem::new_with_prefix(folder)?;
            Ok(Arc::new(store.with_automatic_cleanup(true).with_fsync(true)))
        }
        Objects::S3 { bucket, prefix } => {
            let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build()?;
            Ok(match prefix.as_str() {
                "" => Arc::new(store),
                prefix => Arc::new(PrefixStore::new(store, prefix)),
            })
        }
    }
}
