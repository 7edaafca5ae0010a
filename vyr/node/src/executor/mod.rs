//! The seam between a task and what executes it. Wasm is one executor, the OCI fallback another; who embeds a node
//! may add more.

mod code;
mod improve;
mod oci;
mod wasm;

use async_trait::async_trait;
use vyr_model::{ArtifactKind, Failure, Limits};
use vyr_runtime::{RunOutcome, RunRequest};
use vyr_store::{Store, VerifiedArtifact};
use vyr_telemetry::StartClass;

pub(crate) use self::{
    oci::OciExecutor,
    wasm::{WasmExecutor, WasmOptions},
};
use crate::tracer::Tracer;

/// Executes artifacts of some kinds. All share limits, lifecycle, record and trace.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Tells whether it executes artifacts of this kind.
    fn accepts(&self, kind: ArtifactKind) -> bool;

    /// Tells whether its guests reach nothing outside but what their grants and bindings name: such a guest
    /// may run before its submit is on disk, since all that it did can be forgotten.
    fn seals(&self) -> bool {
        false
    }

    /// Makes the artifact, whose blobs are in `store`, ready: verified, loaded, linked, or unpacked.
    async fn prepare(
        &self,
        artifact: &VerifiedArtifact,
        store: &Store,
        limits: &Limits,
        tracer: Tracer<'_>,
    ) -> Result<Box<dyn Prepared>, Failure>;

    /// Makes running guests look at their cancel handles now.
    fn kick(&self) {}

    /// Completes when what it still does beside its guests is done: the node stops.
    async fn close(&self) {}
}

/// A program that is ready to run once.
#[async_trait]
pub trait Prepared: Send {
    /// Tells how much had to be made before it was ready.
    fn class(&self) -> StartClass;

    /// Runs it to its end.
    async fn execute(self: Box<Self>, request: RunRequest) -> RunOutcome;
}
