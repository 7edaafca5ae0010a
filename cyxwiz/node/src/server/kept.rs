//! The file with the session that commands share, so that not each call opens one. The agent has its own, in memory.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::session::Session;

/// For its owner's eyes only.
pub(super) struct Kept {
    path: PathBuf,
    server: String,
    identity: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// Whose it is: another server's or another key's session is none.
    server: String,
    identity: String,
    access: String,
    refresh: String,
    /// Seconds since 1970.
    renew_at: u64,
}

/// Nobody else renews or replaces the session while this lives: a refresh token is good once.
pub(super) struct Locked<'a> {
    kept: &'a Kept,
    _lock: File,
}

impl Kept {
    pub(super) fn new(path: PathBuf, server: String, identity: String) -> Self {
        Self { path, server, identity }
    }

    /// Waits until no other command renews it. Short: each call of a command has a limit.
    pub(super) fn lock(&self) -> io::Result<Locked<'_>> {
        let file = private().create(true).truncate(false).open(self.path.with_extension("lock"))?;
        file.lock()?;
        Ok(Locked { kept: self, _lock: file })
    }
}

impl Locked<'_> {
    /// A file that cannot be read is as good as none: the key opens another session.
    pub(super) fn read(&self) -> Option<Session> {
        let stored: Stored = serde_json::from_slice(&fs::read(&self.kept.path).ok()?).ok()?;
        let own = stored.server == self.kept.server && stored.identity == self.kept.identity;
        own.then(|| Session {
            access: stored.access,
            refresh: stored.refresh,
            renew_at: SystemTime::UNIX_EPOCH + Duration::from_secs(stored.renew_at),
        })
    }

    /// Writes it whole or not at all.
    pub(super) fn write(&self, session: &Session) -> io::Result<()> {
        let renew_at = session.renew_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let stored = Stored {
            server: self.kept.server.clone(),
            identity: self.kept.identity.clone(),
            access: session.access.clone(),
            refresh: session.refresh.clone(),
            renew_at: renew_at.as_secs(),
        };
        let temp = self.kept.path.with_extension("new");
        let mut file = private().create(true).truncate(true).open(&temp)?;
        file.write_all(&serde_json::to_vec(&stored)?)?;
        fs::rename(&temp, &self.kept.path)
    }

    /// Forgets a session that the server no longer takes, unless another command has replaced it already.
    pub(super) fn forget(&self, access: &str) {
        if self.read().is_some_and(|session| session.access == access) {
            let _ = fs::remove_file(&self.kept.path);
        }
    }
}

fn private() -> fs::OpenOptions {
    let mut options = File::options();
    options.write(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_session_is_kept_for_its_owner_and_its_server() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("session.json");
        let kept = |server: &str, identity: &str| Kept::new(path.clone(), server.into(), identity.into());
        let (own, renew_at) = (kept("http://a", "A"), SystemTime::UNIX_EPOCH + Duration::from_secs(7));
        let session = Session { access: "x".into(), refresh: "y".into(), renew_at };
        assert!(own.lock().unwrap().read().is_none());
        own.lock().unwrap().write(&session).unwrap();
        let read = own.lock().unwrap().read().unwrap();
        assert_eq!((read.access.as_str(), read.refresh.as_str(), read.renew_at), ("x", "y", renew_at));
        assert!(kept("http://b", "A").lock().unwrap().read().is_none());
        assert!(kept("http://a", "B").lock().unwrap().read().is_none());
        for name in ["session.json", "session.lock"] {
            let mode = fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        own.lock().unwrap().forget("another");
        assert!(own.lock().unwrap().read().is_some());
        own.lock().unwrap().forget("x");
        assert!(own.lock().unwrap().read().is_none());
        fs::write(&path, "{").unwrap();
        assert!(own.lock().unwrap().read().is_none());
    }
}
