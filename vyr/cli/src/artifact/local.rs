use std::{io::IsTerminal as _, path::Path};

use vyr_model::{Digest, SecretKey};
use vyr_node::Home;
use vyr_store::{LOCAL_KEY_NAME, Store, StoreOptions};

use crate::{context::Context, error::CliError, terminal::say};

/// Opens the home's store; its own lock keeps it whole beside a running node.
pub(crate) fn open_store(context: &Context) -> Result<Store, CliError> {
    let home = Home::new(context.home()?);
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
            let (secret, said) = local_key(context, store)?;
            say(said);
            secret
        }
    };
    Ok(secret.sign(manifest).as_bytes().to_vec())
}

/// Signs `manifest` with the local key for `vyr run`, whose stderr is the guest's own: only a terminal is told.
pub(crate) fn sign_for_run(context: &Context, store: &Store, manifest: &[u8]) -> Result<Vec<u8>, CliError> {
    let (secret, said) = local_key(context, store)?;
    if std::io::stderr().is_terminal() {
        say(said);
    }
    Ok(secret.sign(manifest).as_bytes().to_vec())
}

/// Returns the local key, which is made at its first use, and what there is to say about it.
fn local_key(context: &Context, store: &Store) -> Result<(SecretKey, String), CliError> {
    let path = Home::new(context.home()?).keys().join(format!("{LOCAL_KEY_NAME}.pem"));
    let key = store.trust().local_key(&path)?;
    let said = if key.created {
        format!("made a local signing key, trusted by this user's node alone: {}", path.display())
    } else {
        format!("signed with the local key: {}", path.display())
    };
    Ok((key.secret, said))
}
