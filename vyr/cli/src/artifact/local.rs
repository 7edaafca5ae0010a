use std::path::Path;

use vyr_model::Digest;
use vyr_node::Home;
use vyr_store::{LOCAL_KEY_NAME, Store, StoreOptions};

use crate::{context::Context, error::CliError};

/// Opens the home's store; its own lock keeps it whole beside a running node.
pub(crate) fn open_store(context: &Context) -> Result<Store, CliError> {
    let home = Home::new(&context.home);
    home.create()?;
    Ok(Store::open(home.store(), StoreOptions::new(home.trust()))?)
}

/// Turns a digest, or a unique beginning of one in the local store, into the digest.
pub(crate) fn resolve(text: &str, context: &Context) -> Result<String, CliError> {
    match text.parse::<Digest>() {
        Ok(digest) => Ok(digest.to_string()),
        Err(_) => Ok(open_store(context)?.resolve(text)?.to_string()),
    }
}

/// Signs `manifest` with the key in `file`, or with the local key, and says which.
pub(crate) fn sign(
    context: &Context,
    store: &Store,
    file: Option<&Path>,
    manifest: &[u8],
) -> Result<Vec<u8>, CliError> {
    let secret = match file {
        Some(path) => vyr_store::load_secret_key(path)?,
        None => {
            let path = Home::new(&context.home).keys().join(format!("{LOCAL_KEY_NAME}.pem"));
            let key = store.trust().local_key(&path)?;
            if key.created {
                eprintln!("made a local signing key, trusted by this user's node alone: {}", path.display());
            } else {
                eprintln!("signed with the local key: {}", path.display());
            }
            key.secret
        }
    };
    Ok(secret.sign(manifest).as_bytes().to_vec())
}
