use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

/// The user that jobs are when the agent is root.
const NOBODY: u32 = 65_534;

/// Makes a folder of an attempt the job's to read, or to write, with all that lies in it. Nothing of the job runs yet;
/// the folder above is the agent's alone.
pub(crate) fn give(folder: &Path, writable: bool) -> io::Result<()> {
    let root = rustix::process::geteuid().is_root();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = std::fs::symlink_metadata(&path)?;
        if metadata.is_symlink() {
            continue;
        }
        let mode = if metadata.is_dir() { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        if root && writable {
            chown(&path, Some(NOBODY), Some(NOBODY))?;
        }
        if metadata.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        }
    }
    Ok(())
}
