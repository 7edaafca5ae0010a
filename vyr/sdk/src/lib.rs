//! The client library of a VYR node.
//!
//! ```text
//! Endpoint ──► Client ──┬─ seven control calls (Connect, binary protobuf)
//!  (socket or URL,      ├─ content plane: put_blob, get_blob
//!   token found itself) └─ wait: submit, then follow the trace to the end
//! ```

mod client;
mod content;
mod endpoint;
mod error;
mod wait;
mod wire;

pub use client::{Client, MetricStream, TraceStream};
pub use content::BlobReader;
pub use endpoint::{Endpoint, EndpointError, MAX_SOCKET_PATH, default_home};
pub use error::{ErrorKind, SdkError};

/// The messages of the Control API.
pub mod control {
    pub use buffa_types::google::protobuf::{Duration as ProtoDuration, Timestamp as ProtoTimestamp};
    pub use vyr_proto::control::*;
}
pub use wait::is_terminal;
