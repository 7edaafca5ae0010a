//! A PostgreSQL of the server's own: found, set up, started, watched, stopped.
//!
//! ```text
//! data/postgres/ ── lock       held by the process that watches; others join it
//!                ├─ cluster/   what initdb made
//!                └─ socket/    the only way in: mode 0700, no TCP
//! ```
//! The superuser may not run PostgreSQL: under root it runs as `postgres`, or as `nobody` where there is none.

mod binaries;
mod command;
mod supervise;
mod user;

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sqlx::ConnectOptions as _;
use sqlx::Connection as _;
use sqlx::postgres::PgConnectOptions;
use tokio::task::JoinHandle;

pub use binaries::{Binaries, NoBinaries};
pub use user::User;
pub(crate) use user::major_of;

use crate::{Drain, ServerError};

/// The role and the database.
const NAME: &str = "cyxwiz";
/// How long a start may take: recovery after a crash reads what was written since the last checkpoint.
const READY: std::time::Duration = std::time::Duration::from_secs(60);

/// A private PostgreSQL that answers.
#[derive(Debug)]
pub struct Postgres {
    options: PgConnectOptions,
    binaries: Binaries,
    /// What keeps it running; none where another process does.
    watched: Option<Watched>,
}

#[derive(Debug)]
struct Watched {
    stop: Drain,
    task: JoinHandle<()>,
    _lock: File,
}

/// Where the parts of one PostgreSQL lie.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) cluster: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) user: User,
}

impl Postgres {
    /// Starts it in `folder`, or joins the one that another process keeps running there.
    ///
    /// # Errors
    /// No binaries; a folder that cannot be used; a cluster that does not start.
    pub async fn open(folder: &Path) -> Result<Self, ServerError> {
        Self::open_with(folder, &[]).await
    }

    /// The same with further settings (`NAME=VALUE`), for tests.
    ///
    /// # Errors
    /// As [`Postgres::open`].
    pub async fn open_with(folder: &Path, settings: &[&str]) -> Result<Self, ServerError> {
        let user = User::for_server()?;
        let (cluster, socket) = (folder.join("cluster"), folder.join("socket"));
        let binaries = Binaries::find(major_of(&cluster).as_deref())?;
        user.folder(folder)?;
        user.folder(&socket)?;
        let socket = short(&socket)?;
        let options = PgConnectOptions::new_without_pgpass()
            .socket(&socket)
            .username(NAME)
            .database(NAME)
            .disable_statement_logging();
        let place = Place { cluster, socket, user };
        let lock = lock(&folder.join("lock"))?;
        let watched = match lock {
            None => None,
            Some(lock) => {
                command::initialise(&binaries, &place).await?;
                command::stop_leftover(&binaries, &place).await;
                let stop = Drain::default();
                let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
                let task = supervise::start(binaries.clone(), place, settings, stop.clone());
                Some(Watched { stop, task, _lock: lock })
            }
        };
        let postgres = Self { options, binaries, watched };
        postgres.ready().await?;
        Ok(postgres)
    }

    /// How to connect.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// The programs that belong to it.
    #[must_use]
    pub const fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Stops it if it is ours, and waits until it has written everything down.
    pub async fn close(self) {
        if let Some(Watched { stop, task, _lock }) = self.watched {
            stop.begin();
            let _ = task.await;
        }
    }

    /// Waits until it answers, and makes the database where there is none yet.
    async fn ready(&self) -> Result<(), ServerError> {
        let maintenance = self.options.clone().database("postgres");
        let deadline = tokio::time::Instant::now() + READY;
        let mut connection = loop {
            match maintenance.connect().await {
                Ok(connection) => break connection,
                Err(error) if tokio::time::Instant::now() > deadline => return Err(error.into()),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        let made = sqlx::query("CREATE DATABASE cyxwiz").execute(&mut connection).await;
        if let Err(error) = made {
            // 42P04: it is there
            let there =
                error.as_database_error().and_then(|error| error.code()).is_some_and(|c| c == "42P04");
            if !there {
                return Err(error.into());
            }
        }
        connection.close().await?;
        Ok(())
    }
}

/// Takes the lock; nothing where another process holds it.
fn lock(path: &Path) -> Result<Option<File>, ServerError> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(ServerError::path(path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(ServerError::path(path)(error.into())),
    }
}

/// Paths of sockets are short by the system's rule: a longer one is reached through a link.
fn short(socket: &Path) -> Result<PathBuf, ServerError> {
    use sha2::{Digest as _, Sha256};
    // 108 bytes with the zero, of which `/.s.PGSQL.5432.lock` takes 19
    if socket.as_os_str().len() <= 85 {
        return Ok(socket.to_owned());
    }
    let digest = Sha256::digest(socket.as_os_str().as_encoded_bytes());
    let name = hex::encode(digest.get(..8).unwrap_or_default());
    let link = std::env::temp_dir().join(format!("cyxwiz-pg-{name}"));
    match std::os::unix::fs::symlink(socket, &link) {
        Ok(()) => Ok(link),
        Err(_) if std::fs::read_link(&link).is_ok_and(|target| target == socket) => Ok(link),
        Err(source) => Err(ServerError::path(link)(source)),
    }
}
