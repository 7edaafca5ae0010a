//! The file with the sessions: one a server and wallet, for its owner's eyes only.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use buffa_types::google::protobuf::Timestamp;
use cyxwiz_chain::escrow::Address;
use cyxwiz_proto::v1::Session;
use serde::{Deserialize, Serialize};

use super::{Origin, moment};
use crate::error::CliError;

/// A session's secrets. No `Debug`: they go nowhere but into the file and the header.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) access_token: String,
    /// Milliseconds since 1970, by the server's clock.
    pub(crate) access_expires_at: i64,
    pub(crate) refresh_token: String,
    pub(crate) refresh_expires_at: i64,
}

impl From<&Session> for Stored {
    fn from(session: &Session) -> Self {
        let at = |field: Option<&Timestamp>| field.map_or(0, |at| moment(at).0);
        Self {
            id: session.id.clone(),
            access_token: session.access_token.clone(),
            access_expires_at: at(session.access_expires_at.as_option()),
            refresh_token: session.refresh_token.clone(),
            refresh_expires_at: at(session.refresh_expires_at.as_option()),
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    sessions: BTreeMap<String, Stored>,
}

/// The session of one wallet at one server.
#[derive(Clone)]
pub(crate) struct Sessions {
    path: PathBuf,
    name: String,
}

/// Nobody else renews or replaces a session while this lives: a refresh token is good once.
pub(crate) struct Locked<'a> {
    sessions: &'a Sessions,
    _lock: File,
}

impl Sessions {
    pub(crate) fn of(dir: &Path, server: &Origin, owner: &Address) -> Self {
        Self { path: dir.join("session.json"), name: format!("{server} {owner}") }
    }

    /// What is kept now; renewals replace the file whole, so a reader needs no lock.
    pub(crate) fn read(&self) -> Result<Option<Stored>, CliError> {
        Ok(self.contents()?.sessions.remove(&self.name))
    }

    /// Waits until no other command renews one.
    pub(crate) fn lock(&self) -> Result<Locked<'_>, CliError> {
        let lock = || -> io::Result<File> {
            fs::create_dir_all(self.path.parent().unwrap_or(Path::new(".")))?;
            let file = private(File::options().create(true).truncate(false).write(true))
                .open(self.path.with_extension("lock"))?;
            file.lock()?;
            Ok(file)
        };
        let lock = lock().map_err(|source| self.failed(source))?;
        Ok(Locked { sessions: self, _lock: lock })
    }

    fn contents(&self) -> Result<Contents, CliError> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|_| CliError::SessionFile { path: self.path.display().to_string() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contents::default()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, source: io::Error) -> CliError {
        CliError::Session { path: self.path.display().to_string(), source }
    }
}

impl Locked<'_> {
    pub(crate) fn read(&self) -> Result<Option<Stored>, CliError> {
        self.sessions.read()
    }

    /// Replaces the session, or forgets it.
    pub(crate) fn write(&self, session: Option<Stored>) -> Result<(), CliError> {
        let mut contents = self.sessions.contents()?;
        match session {
            Some(session) => contents.sessions.insert(self.sessions.name.clone(), session),
            None => contents.sessions.remove(&self.sessions.name),
        };
        let write = || -> io::Result<()> {
            let dir = self.sessions.path.parent().unwrap_or(Path::new("."));
            // a named temporary file is made with mode 0600
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            file.write_all(&serde_json::to_vec(&contents)?)?;
            file.as_file().sync_all()?;
            file.persist(&self.sessions.path)?;
            Ok(())
        };
        write().map_err(|source| self.sessions.failed(source))
    }
}

fn private(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(id: &str) -> Stored {
        let text = |name: &str| format!("{name}-{id}");
        Stored {
            id: id.to_owned(),
            access_token: text("access"),
            access_expires_at: 1,
            refresh_token: text("refresh"),
            refresh_expires_at: 2,
        }
    }

    #[test]
    fn each_server_and_wallet_has_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let at = |server: &str, owner: u8| {
            let owner = Address::new_from_array([owner; 32]);
            Sessions::of(&dir.path().join("cyxwiz"), &server.parse().unwrap(), &owner)
        };
        let (one, two, three) =
            (at("http://127.0.0.1:1", 1), at("http://127.0.0.1:1", 2), at("https://x", 1));
        assert!(one.read().unwrap().is_none());
        one.lock().unwrap().write(Some(stored("a"))).unwrap();
        two.lock().unwrap().write(Some(stored("b"))).unwrap();
        assert_eq!(one.read().unwrap().unwrap().id, "a");
        assert_eq!(two.read().unwrap().unwrap().refresh_token, "refresh-b");
        assert!(three.read().unwrap().is_none());
        one.lock().unwrap().write(None).unwrap();
        assert!(one.read().unwrap().is_none() && two.read().unwrap().is_some());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            for name in ["session.json", "session.lock"] {
                let mode = fs::metadata(dir.path().join("cyxwiz").join(name)).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{name}");
            }
        }
    }
}
