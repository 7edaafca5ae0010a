use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::layout::Layout;
use crate::{
    StoreError, files,
    lock::{FileLock, LockMode},
};

const OWNER: &str = "owner";

/// The folder in which this store handle writes what is not whole yet. Made on the first write, so that
/// a store on a full disk still opens and reads.
///
/// Its `owner` file is locked as long as the handle lives: a folder whose owner file can be locked belongs
/// to nobody alive and is swept.
pub(super) struct TempHome {
    parent: PathBuf,
    store_lock: PathBuf,
    timeout: Duration,
    home: Mutex<Option<Home>>,
    next: AtomicU64,
}

struct Home {
    path: PathBuf,
    _owner: FileLock,
}

/// A file that is removed unless it is kept.
pub(super) struct TempFile {
    pub(super) file: File,
    path: PathBuf,
    kept: bool,
}

impl TempHome {
    pub(super) fn new(layout: &Layout, timeout: Duration) -> Self {
        let (parent, store_lock) = (layout.temp(), layout.lock());
        Self { parent, store_lock, timeout, home: Mutex::new(None), next: AtomicU64::new(0) }
    }

    /// Returns a path at which nothing is and nobody else writes.
    pub(super) fn path(&self) -> Result<PathBuf, StoreError> {
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        if let Some(home) = &*home {
            return Ok(home.path.join(name));
        }
        // shared: the sweep, which holds it exclusively, never sees a folder without its locked owner
        let _lock = FileLock::acquire(&self.store_lock, LockMode::Shared, self.timeout)?;
        let path = self.parent.join(files::random_name()?);
        fs::create_dir(&path).map_err(StoreError::io("create folder", &path))?;
        let owner = FileLock::try_acquire(&path.join(OWNER), LockMode::Exclusive).and_then(|owner| {
            // nobody else knows the name
            owner.ok_or_else(|| StoreError::Locked { path: path.clone(), waited: Duration::ZERO })
        });
        let owner = owner.inspect_err(|_| drop(fs::remove_dir_all(&path)))?;
        let file = path.join(name);
        *home = Some(Home { path, _owner: owner });
        Ok(file)
    }

    /// Makes a file to write into.
    pub(super) fn file(&self) -> Result<TempFile, StoreError> {
        let path = self.path()?;
        Ok(TempFile { file: files::create_new(&path)?, path, kept: false })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl TempFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name. `false` when there is one of that name, which stays.
    pub(super) fn name(&mut self, target: &Path) -> Result<bool, StoreError> {
        use rustix::{fs::RenameFlags, io::Errno};
        let here = rustix::fs::CWD;
        match rustix::fs::renameat_with(here, &self.path, here, target, RenameFlags::NOREPLACE) {
            Ok(()) => self.kept = true,
            Err(Errno::EXIST) => return Ok(false),
            // file systems that cannot rename so can link
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match fs::hard_link(&self.path, target) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                Err(error) => return Err(StoreError::io("link", target)(error)),
            },
            Err(error) => return Err(StoreError::io("rename into", target)(error.into())),
        }
        Ok(true)
    }

    /// Gives the file its name, in place of what has it now.
    pub(super) fn replace(mut self, target: &Path) -> Result<(), StoreError> {
        fs::rename(&self.path, target).map_err(StoreError::io("rename into", target))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Sweeps unless somebody holds the store's lock: they, or the next to open, will.
pub(super) fn sweep_if_idle(layout: &Layout) -> Result<(), StoreError> {
    match FileLock::try_acquire(&layout.lock(), LockMode::Exclusive)? {
        Some(lock) => sweep(layout, &lock),
        None => Ok(()),
    }
}

/// Removes the temporary folders of processes that are no more.
pub(super) fn sweep(layout: &Layout, _exclusive: &FileLock) -> Result<(), StoreError> {
    let parent = layout.temp();
    for entry in fs::read_dir(&parent).map_err(StoreError::io("read folder", &parent))? {
        let path = entry.map_err(StoreError::io("read folder", &parent))?.path();
        if !path.is_dir() {
            files::remove(&path)?;
            continue;
        }
        let owner = path.join(OWNER);
        let dead = match FileLock::try_acquire(&owner, LockMode::Exclusive) {
            Ok(lock) => lock.is_some(),
            // the folder is full or going: the next sweep sees
            Err(_) => false,
        };
        if dead && let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(path = %path.display(), %error, "could not remove a dead process's temporary folder");
        }
    }
    Ok(())
}
