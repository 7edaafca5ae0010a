use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use vyr_model::{ArtifactKind, Failure, Limits, Terminal};
use vyr_node::{Executor, Prepared, Tracer};
use vyr_runtime::{RunOutcome, RunRequest};
use vyr_store::{Store, VerifiedArtifact};
use vyr_telemetry::{Edge, Stamp, StartClass};

use crate::{
    ContainerJob, ContainerOptions, Engine, Gpu, Network, SandboxError,
    egress::Egress,
    error::chain,
    gpu,
    run::{Run, run},
};

/// Executes artifacts of kind `container`, each in a container that holds nothing but its job. Clones are the same
/// executor.
#[derive(Clone)]
pub struct ContainerExecutor(Arc<Inner>);

struct Inner {
    engine: Engine,
    options: ContainerOptions,
    /// The way out, or why there is none.
    egress: Result<Egress, String>,
}

impl ContainerExecutor {
    /// Makes an executor, with the network and the rules of jobs that may reach the Internet. Where those cannot be
    /// had it still runs jobs without a network: [`ContainerExecutor::outbound`] says why.
    ///
    /// # Errors
    /// The engine does not answer any more.
    pub async fn new(engine: Engine, options: ContainerOptions) -> Result<Self, SandboxError> {
        engine.docker().ping().await.map_err(SandboxError::call("reach the container engine"))?;
        let egress = Egress::install(&engine, &options.name_servers).await;
        if let Err(why) = &egress {
            tracing::warn!("this node offers jobs no network: {why}");
        }
        Ok(Self(Arc::new(Inner { engine, options, egress })))
    }

    /// Returns the engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Tells whether jobs may have network `outbound` here.
    ///
    /// # Errors
    /// Why they may not.
    pub fn outbound(&self) -> Result<(), &str> {
        self.0.egress.as_ref().map(|_| ()).map_err(String::as_str)
    }

    /// Runs a job that is no task, held as one is: the installation of requirements, a benchmark.
    pub async fn run(&self, job: &ContainerJob, request: RunRequest) -> RunOutcome {
        match self.0.admit(job).await {
            Ok(()) => self.0.run(job, request).await,
            Err(failure) => RunOutcome {
                terminal: Terminal::Failed(failure),
                prepared: SystemTime::now(),
                started: None,
                ended: SystemTime::now(),
                cpu: Duration::ZERO,
            },
        }
    }
}

impl Inner {
    async fn run(&self, job: &ContainerJob, request: RunRequest) -> RunOutcome {
        run(Run { engine: &self.engine, options: &self.options, job }, request).await
    }

    /// Checks that this machine can hold a job.
    async fn admit(&self, job: &ContainerJob) -> Result<(), Failure> {
        match self.engine.image(job.image.as_str()).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(Failure::Link(format!("the image {} is not on this node", job.image))),
            Err(error) => return Err(Failure::Internal(chain(&error))),
        }
        if job.network == Network::Outbound {
            let egress = match &self.egress {
                Ok(egress) => egress.ensure().await,
                Err(why) => Err(why.clone()),
            };
            egress.map_err(|why| Failure::Link(format!("this node offers no outbound network: {why}")))?;
        }
        if job.gpu != Gpu::None
            && let Some(why) = gpu::refusal().await
        {
            return Err(Failure::Link(format!("this node gives no GPU to a job: {why}")));
        }
        Ok(())
    }
}

/// Reads an artifact's job.
fn read(artifact: &VerifiedArtifact, store: &Store) -> Result<ContainerJob, Failure> {
    let content = store
        .read_content(artifact)
        .map_err(|error| Failure::Verify(format!("the content does not hold: {}", chain(&error))))?;
    ContainerJob::parse(&content).map_err(|error| Failure::Link(error.to_string()))
}

#[async_trait]
impl Executor for ContainerExecutor {
    fn accepts(&self, kind: ArtifactKind) -> bool {
        kind == ArtifactKind::Container
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
        let admitted = async {
            let job = read(artifact, store)?;
            self.0.admit(&job).await.map(|()| job)
        };
        let admitted = admitted.await;
        tracer.span(Edge::Load, began);
        Ok(Box::new(ContainerPrepared { inner: Arc::clone(&self.0), job: admitted? }))
    }
}

struct ContainerPrepared {
    inner: Arc<Inner>,
    job: ContainerJob,
}

#[async_trait]
impl Prepared for ContainerPrepared {
    fn class(&self) -> StartClass {
        StartClass::Cold
    }

    async fn execute(self: Box<Self>, request: RunRequest) -> RunOutcome {
        self.inner.run(&self.job, request).await
    }
}
