use std::{io, path::PathBuf, sync::Arc};

/// The task record could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// Another process has the record open.
    #[error(
        "the record `{0}` is in use by another node: stop that one, or give this one a folder of its own"
    )]
    InUse(PathBuf),
    /// A file of the record could not be used.
    #[error("failed to {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// The disk refuses writes; nothing that was acknowledged is harmed.
    #[error("the record cannot be written ({source}): free space on its disk; it is tried again by itself")]
    Unavailable {
        /// The system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// The record was shut down.
    #[error("the record is closed: the node is shutting down, submit again when it is back")]
    Closed,
    /// An entry is larger than a frame may be.
    #[error("an entry of {size} bytes is too large for the record: at most {limit}")]
    TooLarge {
        /// The entry.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Bytes of the record are not what was written.
    #[error(
        "`{path}` is damaged at byte {offset}: open with `OnDamage::SetAside` to go on without those bytes"
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
    },
}

impl RecordError {
    /// Tells whether the same call may succeed later.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source: Arc::new(source) }
    }
}
