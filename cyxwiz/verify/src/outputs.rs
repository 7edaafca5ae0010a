use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use cyxwiz_model::FilePath;
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use crate::VerifyError;

/// Files of an attempt at most.
const MAX_FILES: usize = 100_000;
/// How deep folders may lie.
const MAX_DEPTH: usize = 64;

/// Outputs: the SHA-256 of each file.
pub type Outputs = BTreeMap<FilePath, [u8; 32]>;

/// How what a node delivered differs from what a second run gave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// The node delivered what no run makes.
    #[error("`{0}` was delivered, and no run makes it")]
    Surplus(FilePath),
    /// The node left something out.
    #[error("`{0}` was not delivered")]
    Missing(FilePath),
    /// Other bytes.
    #[error("`{0}` has other bytes")]
    Bytes(FilePath),
}

/// Compares file by file; nothing where all are equal.
#[must_use]
pub fn differences(delivered: &Outputs, seen: &Outputs) -> Vec<Difference> {
    let surplus = delivered.keys().filter(|path| !seen.contains_key(*path)).cloned().map(Difference::Surplus);
    let others = seen.iter().filter_map(|(path, digest)| match delivered.get(path) {
        None => Some(Difference::Missing(path.clone())),
        Some(other) if other != digest => Some(Difference::Bytes(path.clone())),
        Some(_) => None,
    });
    surplus.chain(others).collect()
}

/// Reads a folder that nobody writes any more. Links and special files are no outputs, for nodes neither.
pub(crate) fn read(folder: &Path) -> Result<Outputs, VerifyError> {
    let mut outputs = Outputs::new();
    for entry in WalkDir::new(folder).max_depth(MAX_DEPTH).follow_links(false) {
        let entry = entry.map_err(|error| VerifyError::io(folder)(error.into()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let relative = entry.path().strip_prefix(folder).ok().and_then(Path::to_str);
        // a name that no path of a job can have was not delivered either
        let Some(path) = relative.and_then(|path| path.parse().ok()) else { continue };
        if outputs.len() >= MAX_FILES {
            return Err(VerifyError::TooMuch);
        }
        outputs.insert(path, digest(entry.path()).map_err(VerifyError::io(entry.path()))?);
    }
    Ok(outputs)
}

fn digest(path: &Path) -> io::Result<[u8; 32]> {
    struct Hash(Sha256);
    impl Write for Hash {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hash = Hash(Sha256::new());
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hash.0.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named() {
        let of = |files: &[(&str, u8)]| -> Outputs {
            files.iter().map(|(path, byte)| (path.parse().unwrap(), [*byte; 32])).collect()
        };
        let (delivered, seen) = (of(&[("a", 1), ("b", 2), ("c", 3)]), of(&[("a", 1), ("b", 9), ("d", 4)]));
        let said: Vec<String> = differences(&delivered, &seen).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["`c` was delivered, and no run makes it", "`b` has other bytes", "`d` was not delivered"]
        );
        assert_eq!(differences(&seen, &seen), []);
    }
}
