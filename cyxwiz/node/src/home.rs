//! The folder in which the agent keeps everything.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cyxwiz_model::AttemptId;
use rustix::fs::{FlockOperation, flock};

use crate::error::CliError;

/// ```text
/// home/  config.toml  identity.pem  session.json  journal.db  lock
///        vyr/        the embedded VYR node
///        attempts/   one folder an attempt, gone when it has ended
/// ```
#[derive(Clone, Debug)]
pub(crate) struct Home(PathBuf);

/// Held while an agent uses the folder.
pub(crate) struct HomeLock {
    _file: File,
}

/// The folders of one attempt.
#[derive(Clone, Debug)]
pub(crate) struct AttemptDir(PathBuf);

impl AttemptDir {
    /// An attempt's folder as it was found.
    pub(crate) const fn found(path: PathBuf) -> Self {
        Self(path)
    }
}

impl Home {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is where nobody says: the user's data folder.
    pub(crate) fn default_path() -> Result<PathBuf, CliError> {
        let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let data = data.or_else(|| {
            let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
            home.map(|home| home.join(".local/share"))
        });
        Ok(data.ok_or(CliError::NoHome)?.join("cyxwiz-node"))
    }

    pub(crate) fn create(&self) -> Result<(), CliError> {
        for path in [&self.0, &self.attempts()] {
            make_dir(path).map_err(|source| CliError::file("make", path, source))?;
        }
        Ok(())
    }

    /// Makes sure that no other agent uses the folder.
    pub(crate) fn lock(&self) -> Result<HomeLock, CliError> {
        let path = self.0.join("lock");
        let open = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = open.map_err(|source| CliError::file("open", &path, source))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(HomeLock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(CliError::Running(self.0.clone())),
            Err(errno) => Err(CliError::file("lock", &path, errno.into())),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    pub(crate) fn identity(&self) -> PathBuf {
        self.0.join("identity.pem")
    }

    /// The session that commands share.
    pub(crate) fn session(&self) -> PathBuf {
        self.0.join("session.json")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal.db")
    }

    pub(crate) fn vyr(&self) -> PathBuf {
        self.0.join("vyr")
    }

    pub(crate) fn attempts(&self) -> PathBuf {
        self.0.join("attempts")
    }

    pub(crate) fn attempt(&self, attempt: AttemptId) -> AttemptDir {
        AttemptDir(self.attempts().join(attempt.to_string()))
    }
}

impl AttemptDir {
    pub(crate) fn create(&self) -> io::Result<()> {
        [&self.0, &self.job(), &self.written(), &self.site(), &self.staged()]
            .into_iter()
            .try_for_each(|path| make_dir(path))
    }

    /// Makes what lies in the folder that is bounded.
    pub(crate) fn create_written(&self) -> io::Result<()> {
        [self.output(), self.checkpoints(), self.metrics()].iter().try_for_each(|path| make_dir(path))
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The inputs.
    pub(crate) fn job(&self) -> PathBuf {
        self.0.join("job")
    }

    /// All that the script writes.
    pub(crate) fn written(&self) -> PathBuf {
        self.0.join("written")
    }

    /// What the script leaves.
    pub(crate) fn output(&self) -> PathBuf {
        self.written().join("output")
    }

    /// Its checkpoints.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.written().join("checkpoints")
    }

    /// The folder of its metrics file.
    pub(crate) fn metrics(&self) -> PathBuf {
        self.written().join("metrics")
    }

    /// What its requirements install.
    pub(crate) fn site(&self) -> PathBuf {
        self.0.join("site")
    }

    /// A checkpoint on its way to the server.
    pub(crate) fn staged(&self) -> PathBuf {
        self.0.join("staged")
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
