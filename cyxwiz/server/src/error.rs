//! What goes wrong outside calls: at start, in background tasks, in admin verbs.

use std::io;
use std::path::PathBuf;

use cyxwiz_chain::{ChainError, Fault, KeyError, NetworkError};

use crate::config::ConfigError;

/// Why the server, or one of its verbs, failed.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The configuration says something that cannot be.
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("the database could not be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A listener could not be opened.
    #[error("failed to listen on `{address}`")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file or folder could not be used.
    #[error("failed to use `{}`", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The objects failed.
    #[error("the object store failed")]
    Objects(#[from] object_store::Error),
    /// A bucket in which nothing can be written and read.
    #[error(
        "the bucket `{bucket}` cannot be used: look at its name, the `AWS_*` variables and what the key may do"
    )]
    Bucket {
        /// Its name.
        bucket: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// The chain did not answer.
    #[error("the chain did not answer")]
    Fault(#[from] Fault),
    /// The chain answered something else than expected.
    #[error("the chain holds something unexpected")]
    Chain(#[from] ChainError),
    /// A keypair could not be used.
    #[error("a keypair cannot be used")]
    Key(#[from] KeyError),
    /// There is no PostgreSQL to run.
    #[error(transparent)]
    NoPostgres(#[from] crate::postgres::NoBinaries),
    /// No such network.
    #[error("the network cannot be named so")]
    Network(#[from] NetworkError),
    /// Something is stored that no version of the server writes.
    #[error("the database holds {what} that cannot be: {detail}")]
    Stored {
        /// What.
        what: &'static str,
        /// In which way.
        detail: String,
    },
    /// Something else, said in a sentence.
    #[error("{0}")]
    Said(String),
}

impl ServerError {
    /// Says that a stored value cannot be.
    pub fn stored(what: &'static str, detail: impl ToString) -> Self {
        Self::Stored { what, detail: detail.to_string() }
    }

    /// Names the path that an error is about.
    pub fn path(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Path { path, source }
    }

    /// Whether trying again soon may help: the database was away.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => transient(error),
            _ => false,
        }
    }
}

/// Whether the database was away, or gave up one of two transactions that met.
fn transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        // starts or stops; too many connections; a serialization failure; a deadlock
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("57P") || code.starts_with("08") || matches!(&*code, "53300" | "40001" | "40P01")
        }),
        _ => false,
    }
}
