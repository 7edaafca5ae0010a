use std::{io, path::PathBuf};

/// Why the container engine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Nothing answers where Docker and Podman usually listen.
    #[error("no container engine answers at {tried}: start Docker or Podman, or name its socket")]
    NoEngine {
        /// The sockets that were tried.
        tried: String,
    },
    /// Something listens, but does not answer as an engine does.
    #[error(
        "the container engine at `{socket}` does not answer: look whether it runs and this user may use it"
    )]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// The cause.
        #[source]
        source: bollard::errors::Error,
    },
    /// The engine cannot hold a job.
    #[error("the container engine cannot hold a job: it has no {0}")]
    Lacking(&'static str),
    /// A call of the engine failed.
    #[error("failed to {what}")]
    Call {
        /// What was tried.
        what: &'static str,
        /// The cause.
        #[source]
        source: bollard::errors::Error,
    },
    /// A node's label that cannot be one.
    #[error("`{0}` is no node label: use 1 to 64 letters, digits, `-` or `_`")]
    NodeLabel(String),
    /// Something of this machine failed.
    #[error("failed to {what}")]
    Io {
        /// What was tried.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl SandboxError {
    pub(crate) fn call(what: &'static str) -> impl FnOnce(bollard::errors::Error) -> Self {
        move |source| Self::Call { what, source }
    }
}

/// Puts an error and its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
