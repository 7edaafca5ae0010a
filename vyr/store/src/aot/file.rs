use std::{io::Write as _, path::Path};

use subtle::ConstantTimeEq as _;
use vyr_model::Digest;

use super::key::MacKey;
use crate::{StoreError, files};

pub(super) const END: &str = ".cwasm";

/// The form of the file; it is part of what is authenticated.
const FORM: &[u8; 8] = b"vyr-aot1";
const TRAILER: usize = blake3::OUT_LEN + FORM.len();

/// The name of an artifact's code for an engine.
pub(super) fn name(artifact: &Digest, engine_key: &str) -> String {
    let engine = blake3::hash(engine_key.as_bytes()).to_hex();
    format!("{}-{}{END}", artifact.to_hex(), engine.get(..16).unwrap_or_default())
}

/// The MAC over everything that the code depends on. Each part but the last has a fixed or a written length.
fn mac(code: &[u8], key: &MacKey, artifact: &Digest, engine_key: &str) -> blake3::Hash {
    let engine = engine_key.as_bytes();
    let length = u64::try_from(engine.len()).unwrap_or(u64::MAX);
    let mut hasher = key.hasher();
    hasher.update(FORM).update(artifact.as_bytes()).update(&length.to_le_bytes()).update(engine).update(code);
    hasher.finalize()
}

/// What follows the code in its file. It stands at the end, so that the code is the buffer's beginning.
pub(super) fn trailer(code: &[u8], key: &MacKey, artifact: &Digest, engine_key: &str) -> Vec<u8> {
    [mac(code, key, artifact, engine_key).as_bytes().as_slice(), FORM].concat()
}

/// Authenticates a file's content and leaves the code alone in the buffer. `false` when it is not ours.
pub(super) fn open(bytes: &mut Vec<u8>, key: &MacKey, artifact: &Digest, engine_key: &str) -> bool {
    let Some((code, trailer)) = bytes.split_last_chunk::<TRAILER>() else { return false };
    let expected = [mac(code, key, artifact, engine_key).as_bytes().as_slice(), FORM].concat();
    if !bool::from(expected.ct_eq(trailer)) {
        return false;
    }
    bytes.truncate(bytes.len().saturating_sub(TRAILER));
    true
}

/// Writes and syncs a new file.
pub(super) fn write(path: &Path, code: &[u8], trailer: &[u8]) -> Result<(), StoreError> {
    let mut file = files::create_new(path)?;
    file.write_all(code).and_then(|()| file.write_all(trailer)).map_err(StoreError::io("write", path))?;
    file.sync_data().map_err(StoreError::io("sync", path))
}
