use std::io;

use vyr_model::Digest;

/// The OCI fallback could not prepare an image or set a container up.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The host refused an operation.
    #[error("failed to {what}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// The host's answer.
        #[source]
        source: io::Error,
    },
    /// The image cannot be run here; the text says why and what would do.
    #[error("the image is refused: {0}")]
    Image(String),
    /// The bytes are not those that the manifest or the config names.
    #[error("{what} has digest {found}, not {expected}: fetch the image again")]
    Digest {
        /// Which bytes.
        what: &'static str,
        /// The digest that was named.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// A layer holds what is refused; nothing of it stays.
    #[error("layer {layer} is refused: {reason}")]
    Layer {
        /// The layer's digest as the manifest has it.
        layer: Digest,
        /// What was found.
        reason: String,
    },
    /// What was asked of the container cannot be given to it.
    #[error("{0}")]
    Request(String),
    /// A granted folder is not there.
    #[error("failed to open the granted folder `{0}`: it is no folder of the node's machine any more")]
    Folder(String),
    /// The host's OCI runtime is unusable.
    #[error("{0}")]
    Runtime(String),
}

impl OciError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Returns the text with all causes, for a record that keeps no chain.
    pub(crate) fn full_text(&self) -> String {
        match self {
            Self::Io { what, source } => format!("failed to {what}: {source}"),
            other => other.to_string(),
        }
    }
}
