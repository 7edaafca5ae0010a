use std::{fs::File, io, sync::Arc};

use async_trait::async_trait;
use vyr_model::{ArtifactKind, Digest, Failure, Limits};
use vyr_runtime::{
    RunOutcome, RunRequest,
    oci::{BlobSource, ImageSource, OciError, Rootfs, Runtime},
};
use vyr_store::{Store, VerifiedArtifact};
use vyr_telemetry::{Edge, Stamp, StartClass};

use super::{Executor, Prepared};
use crate::tracer::Tracer;

/// Executes container images by the host's OCI runtime: a compatibility path.
pub(crate) struct OciExecutor {
    runtime: Runtime,
}

impl OciExecutor {
    pub(crate) const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }
}

/// The store's blobs, for unpacking.
struct Blobs(Store);

impl BlobSource for Blobs {
    fn open(&self, digest: &Digest) -> io::Result<File> {
        self.0.open_blob(digest).map(|(file, _)| file).map_err(io::Error::other)
    }
}

#[async_trait]
impl Executor for OciExecutor {
    fn accepts(&self, kind: ArtifactKind) -> bool {
        kind == ArtifactKind::Oci
    }

    async fn prepare(
        &self,
        artifact: &VerifiedArtifact,
        store: &Store,
        _: &Limits,
        tracer: Tracer<'_>,
    ) -> Result<Box<dyn Prepared>, Failure> {
        let began = Stamp::now();
        tracer.passed(Edge::Load);
        let manifest = artifact.bytes.clone().into();
        let image = ImageSource { manifest, blobs: Box::new(Blobs(store.clone())) };
        let rootfs = self.runtime.prepare(image).await;
        tracer.span(Edge::Load, began);
        let rootfs = rootfs.map_err(|error| match error {
            OciError::Digest { .. } => Failure::Verify(error.to_string()),
            error => Failure::Link(error.to_string()),
        })?;
        Ok(Box::new(OciPrepared { runtime: self.runtime.clone(), rootfs }))
    }
}

struct OciPrepared {
    runtime: Runtime,
    rootfs: Arc<Rootfs>,
}

#[async_trait]
impl Prepared for OciPrepared {
    fn class(&self) -> StartClass {
        StartClass::Cold
    }

    async fn execute(self: Box<Self>, request: RunRequest) -> RunOutcome {
        self.runtime.run(self.rootfs, request).await
    }
}
