use std::io;

/// Why a job could not be run again. Says nothing of its node.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The embedded node.
    #[error("the embedded VYR failed")]
    Node(#[from] vyr_node::NodeError),
    /// Its store.
    #[error("the embedded VYR's store failed")]
    Store(#[from] vyr_store::StoreError),
    /// The program is no Wasm.
    #[error("the job's program cannot be put")]
    Program(#[from] vyr_model::ManifestError),
    /// A folder or a file.
    #[error("failed to use `{path}`")]
    Io {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// More than an attempt may write.
    #[error("the second run wrote more than it may")]
    TooMuch,
}

impl VerifyError {
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { path, source }
    }
}
