//! The vocabulary of VYR: ids, digests, limits, grants and the life of a task.
//!
//! Everything here is pure: no I/O, no clock, no lock. The other crates turn bytes,
//! protobuf messages and files into these types once, at their edge, and decide with them.
//!
//! ```text
//! bytes ──► Digest, Manifest, Signature        (what is run)
//! submit ─► TaskSpec { Limits, Grants, … }     (how it is run)
//! events ─► TaskState ──► Terminal             (what became of it)
//! ```

mod digest;
mod grant;
mod id;
mod limits;
mod manifest;
mod name;
mod signature;
mod task;

pub use digest::{Digest, DigestParseError};
pub use grant::{DirGrant, EnvGrant, GrantError, Grants, HttpOutGrant};
pub use id::{IdParseError, IdUuid, SpanId, StateId, TaskId, TraceId};
pub use limits::{LimitKind, Limits};
pub use manifest::{
    ArtifactKind, BuiltManifest, CONTAINER_LAYER_TYPE, ComponentInterface, DeclareError, DefaultLimits,
    Descriptor, EMPTY_CONFIG_TYPE, IMAGE_CONFIG_TYPE, IMAGE_LAYER_TYPES, MANIFEST_TYPE, MAX_MANIFEST_BYTES,
    Manifest, ManifestDraft, ManifestError, StateClass, StateDeclaration, WASM_CONFIG_TYPE, WASM_LAYER_TYPE,
    Want, WasmConfig, artifact_name,
};
pub use name::is_name;
pub use signature::{KeyError, PublicKey, SecretKey, Signature};
pub use task::{
    BindMode, BindingSpec, Determinism, Durability, Failure, OutputFile, Outputs, StreamOutput, TaskSpec,
    TaskState, TaskTimes, Terminal, transition_allowed,
};
