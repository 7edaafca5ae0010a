use std::{io, path::PathBuf};

use vyr_runtime::{oci::OciError, wasm::RuntimeError};
use vyr_store::StoreError;
use vyr_telemetry::record::RecordError;

/// A node could not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Another node uses the folder.
    #[error("another node uses `{}`: stop it, or choose another --home", home.display())]
    InUse {
        /// The folder.
        home: PathBuf,
    },
    /// A file or folder of the home cannot be used.
    #[error("failed to use `{}`", path.display())]
    Home {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Others may read the token.
    #[error("others may read `{}`: run `chmod 600` on it, or delete it for a new one", path.display())]
    TokenMode {
        /// The token's file.
        path: PathBuf,
    },
    /// The token is guessable.
    #[error("the token in `{}` is shorter than 32 characters: delete the file for a new one", path.display())]
    TokenShort {
        /// The token's file.
        path: PathBuf,
    },
    /// An address cannot be listened on.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address or socket.
        address: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// TCP beyond this machine without TLS.
    #[error("{address} is not loopback: give --tls-cert and --tls-key, or listen on 127.0.0.1")]
    PlainTcp {
        /// The address.
        address: std::net::SocketAddr,
    },
    /// The certificate or the key is no good.
    #[error("failed to use the TLS file `{}`", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The artifact store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The task record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The Wasm runtime.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The OCI fallback.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// The OTLP exporter.
    #[error(transparent)]
    Export(#[from] vyr_telemetry::ExportError),
    /// The node does not find its own program, which compiles in a process of its own.
    #[error("failed to find the node's own program: `/proc` is to be mounted, and readable")]
    Program(#[source] io::Error),
    /// The system refused threads.
    #[error("failed to start the node's threads")]
    Threads(#[source] io::Error),
}
