use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// What is sent at once: half a minute on the slowest line that is reckoned with.
const PIECE: u64 = 1 << 20;

/// Bytes of a file from `offset` on, with their checksum as tus writes it.
pub(super) async fn read(path: PathBuf, offset: u64) -> std::io::Result<(Bytes, String)> {
    let read = move || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(PIECE).read_to_end(&mut bytes)?;
        let checksum = format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(&bytes)));
        Ok((Bytes::from(bytes), checksum))
    };
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}
