//! Names of span and resource attributes: OpenTelemetry's semantic conventions first, own after.

/// How the function was triggered; always `other` or `http` (semantic conventions, FaaS).
pub const FAAS_TRIGGER: &str = "faas.trigger";
/// The task id (semantic conventions, FaaS).
pub const FAAS_INVOCATION_ID: &str = "faas.invocation_id";
/// The artifact's name (semantic conventions, FaaS).
pub const FAAS_NAME: &str = "faas.name";
/// The artifact's version (semantic conventions, FaaS).
pub const FAAS_VERSION: &str = "faas.version";
/// Whether nothing of the artifact was in memory (semantic conventions, FaaS).
pub const FAAS_COLDSTART: &str = "faas.coldstart";
/// The guest's exit code (semantic conventions, process).
pub const PROCESS_EXIT_CODE: &str = "process.exit.code";
/// The class of an error (semantic conventions, general).
pub const ERROR_TYPE: &str = "error.type";
/// The task's terminal state: `succeeded`, `failed`, `cancelled`, `lost`.
pub const TASK_STATE: &str = "vyr.task.state";
/// Why a task failed: `trap`, `exit`, `limit`, `verify`, `link`, `state_lost`, `internal`.
pub const TASK_FAILURE: &str = "vyr.task.failure";
/// The limit that ended a task.
pub const TASK_LIMIT: &str = "vyr.task.limit";
/// The attempt, from 1.
pub const TASK_ATTEMPT: &str = "vyr.task.attempt";
/// `boot`, `unseen`, `cold` or `warm`.
pub const START_CLASS: &str = "vyr.start.class";
/// How well the code is compiled that was loaded: `quick` or `full`.
pub const CODE_LEVEL: &str = "vyr.code.level";
/// The artifact's digest.
pub const ARTIFACT_DIGEST: &str = "vyr.artifact.digest";
/// The name of the trusted key that signed the artifact.
pub const ARTIFACT_SIGNER: &str = "vyr.artifact.signer";
/// The executor: `wasm`, `oci`.
pub const EXECUTOR: &str = "vyr.executor";
/// Bytes that a step moved.
pub const BYTES: &str = "vyr.bytes";
/// The digest of what the guest wrote to stdout.
pub const STDOUT_DIGEST: &str = "vyr.stdout.digest";
/// The digest of what the guest wrote to stderr.
pub const STDERR_DIGEST: &str = "vyr.stderr.digest";
/// Processor time of the guest in nanoseconds.
pub const CPU_NANOS: &str = "vyr.cpu.nanos";

/// The kind of value that an attribute has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// True or false.
    Bool,
}

/// Returns the kind of `key`'s values. The record stores text; this brings the type back.
pub fn kind(key: &str) -> Kind {
    match key {
        FAAS_COLDSTART => Kind::Bool,
        PROCESS_EXIT_CODE | TASK_ATTEMPT | BYTES | CPU_NANOS => Kind::Int,
        _ => Kind::Text,
    }
}
