use std::fs::File;
use std::io::Read as _;

use sha2::{Digest as _, Sha256};

use super::walk::LocalFile;
use super::{JobError, shown};

const CHUNK: usize = 256 << 10;

/// A file and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digested {
    pub(crate) file: LocalFile,
    pub(crate) sha256: [u8; 32],
}

/// Reads every file once; `told` hears how many bytes more were read.
pub(crate) fn digests(files: Vec<LocalFile>, told: &dyn Fn(u64)) -> Result<Vec<Digested>, JobError> {
    let mut buffer = vec![0; CHUNK];
    files
        .into_iter()
        .map(|file| {
            let sha256 = digest(&file, &mut buffer, told)?;
            Ok(Digested { file, sha256 })
        })
        .collect()
}

fn digest(file: &LocalFile, buffer: &mut [u8], told: &dyn Fn(u64)) -> Result<[u8; 32], JobError> {
    let failed = |source| JobError::Unreadable { path: shown(&file.disk), source };
    let mut open = File::open(&file.disk).map_err(failed)?;
    let (mut hasher, mut size) = (Sha256::new(), 0_u64);
    loop {
        let count = open.read(buffer).map_err(failed)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
        size = size.saturating_add(count as u64);
        told(count as u64);
    }
    if size != file.size {
        return Err(JobError::Changed(file.path.to_string()));
    }
    Ok(hasher.finalize().into())
}
