//! The embedded VYR node, driven over its own socket: every job is a task there, with record and trace.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::RwLock;
use vyr_model::{
    ArtifactKind, BuiltManifest, Digest, ManifestDraft, ManifestError, SecretKey, artifact_name,
};
use vyr_node::{Executor, Meters, Node, NodeOptions};
use vyr_runtime::Used;
use vyr_sdk::control::{
    CancelTaskRequest, PutArtifactRequest, StreamTracesRequest, SubmitTaskRequest, TaskState, TaskStatus,
    TraceFilter,
};
use vyr_sdk::{BlobReader, Client, Endpoint, SdkError, TraceStream};
use vyr_store::{GcReport, LOCAL_KEY_NAME, Store, StoreOptions};

use crate::containers::chain;
use crate::error::CliError;
use crate::home::Home;

/// Tasks at once beyond the slots: requirements are installed in tasks, too.
const SPARE_TASKS: usize = 8;
/// Blobs younger than this are no rubbish: a put may be under way.
const YOUNG: Duration = Duration::from_secs(3600);

/// A client of the embedded node, with its key.
pub(crate) struct Fabric {
    client: Client,
    key: SecretKey,
    store: Store,
    record: PathBuf,
    in_use: RwLock<()>,
    meters: Meters,
}

/// Why an artifact was not put.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PutError {
    #[error("`{path}` is no Wasm program: {source}")]
    NoProgram { path: String, source: ManifestError },
    #[error("the program cannot be read")]
    Read(#[from] std::io::Error),
    #[error(transparent)]
    Fabric(#[from] SdkError),
}

impl Fabric {
    /// Starts the node in the home's folder, with executors beside its own, and the collector that it is to send to where
    /// the environment's is not meant; the caller runs it.
    pub(crate) async fn start(
        home: &Home,
        slots: usize,
        executors: Vec<Box<dyn Executor>>,
        otlp_endpoint: Option<String>,
    ) -> Result<(Self, Node), CliError> {
        let mut options = NodeOptions::new(home.vyr());
        options.max_running = slots + SPARE_TASKS;
        // jobs run once, and for long
        options.quick_code = false;
        options.otlp_endpoint = otlp_endpoint;
        let node = Node::start_with(options, executors).await.map_err(CliError::Vyr)?;
        let paths = vyr_node::Home::new(home.vyr());
        let store = Store::open(paths.store(), StoreOptions::new(paths.trust()))?;
        let key = store.trust().local_key(&paths.keys().join(format!("{LOCAL_KEY_NAME}.pem")))?.secret;
        let client = Client::new(Endpoint::local(paths.path()), None)?;
        let (record, in_use, meters) = (paths.record(), RwLock::default(), node.meters());
        Ok((Self { client, key, store, record, in_use, meters }, node))
    }

    /// Puts a Wasm file as an artifact signed by the node's own key.
    pub(crate) async fn put_wasm(&self, file: &Path, path: &str) -> Result<Digest, PutError> {
        let content = tokio::fs::read(file).await?;
        let refuse = |source| PutError::NoProgram { path: path.to_owned(), source };
        let kind = ArtifactKind::detect(&content).map_err(refuse)?;
        let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
        let draft = ManifestDraft::new(kind, artifact_name(&stem), "0.0.0");
        let built = draft.build(Digest::of(&content), content.len() as u64).map_err(refuse)?;
        Ok(self.put(built, content).await?)
    }

    /// Puts an artifact of one layer.
    pub(crate) async fn put(&self, built: BuiltManifest, content: Vec<u8>) -> Result<Digest, SdkError> {
        let digest = built.digest();
        for blob in [built.config, content] {
            let name = Digest::of(&blob);
            if !self.client.has_blob(name).await? {
                self.client.put_blob(name, blob.len() as u64, std::io::Cursor::new(blob)).await?;
            }
        }
        let request = PutArtifactRequest {
            digest: digest.to_string(),
            signature: self.key.sign(&built.manifest).as_bytes().to_vec(),
            manifest: built.manifest,
            ..Default::default()
        };
        self.client.put_artifact(request).await?;
        Ok(digest)
    }

    /// Submits a task into the trace of the job.
    pub(crate) async fn submit(
        &self,
        request: SubmitTaskRequest,
        traceparent: &str,
    ) -> Result<String, SdkError> {
        let client = self.client.clone();
        let client = if traceparent.is_empty() { client } else { client.with_traceparent(traceparent) };
        Ok(client.submit_task(request).await?.task_id)
    }

    /// Follows a task to its end.
    pub(crate) async fn watch(&self, task: &str) -> Result<TraceStream, SdkError> {
        let filter = TraceFilter { task_ids: vec![task.to_owned()], ..Default::default() };
        let request =
            StreamTracesRequest { filter: filter.into(), follow: true, no_spans: true, ..Default::default() };
        self.client.stream_traces(request).await
    }

    /// Follows what a task writes.
    pub(crate) async fn follow(&self, task: &str, stream: &str) -> Result<BlobReader, SdkError> {
        self.client.follow_output(task, stream).await
    }

    /// Asks for a task's end. One that has ended already stays as it is.
    pub(crate) async fn cancel(&self, task: &str) -> Result<(), SdkError> {
        let request = CancelTaskRequest { task_id: task.to_owned(), ..Default::default() };
        self.client.cancel_task(request).await.map(drop)
    }

    /// What a running Wasm task uses.
    pub(crate) fn used(&self, task: &str) -> Option<Used> {
        self.meters.of(task.parse().ok()?)
    }

    /// Waits for a task's end.
    pub(crate) async fn wait(&self, task: &str) -> Result<TaskStatus, SdkError> {
        self.client.wait(task).await
    }

    /// Ends what an earlier run of the agent left in the node's queue, before anything of it runs again.
    pub(crate) async fn sweep(&self) -> Result<usize, SdkError> {
        let states = [TaskState::Queued, TaskState::Starting, TaskState::Running].map(Into::into).to_vec();
        let filter = TraceFilter { states, ..Default::default() };
        let request = StreamTracesRequest { filter: filter.into(), no_spans: true, ..Default::default() };
        let mut stream = self.client.stream_traces(request).await?;
        let mut left = Vec::new();
        while let Some(message) = stream.next().await? {
            left.extend(message.tasks.into_iter().map(|task| task.task_id));
        }
        for task in &left {
            self.cancel(task).await?;
        }
        Ok(left.len())
    }

    /// Held by every attempt: what it put stays while it is worked on.
    pub(crate) async fn hold(&self) -> tokio::sync::RwLockReadGuard<'_, ()> {
        self.in_use.read().await
    }

    /// Removes what old jobs brought, where nothing is worked on: artifacts, and blobs that nothing refers to any more.
    pub(crate) fn tidy(&self) {
        let Ok(_idle) = self.in_use.try_write() else { return };
        match self.tidy_store() {
            Ok(report) if report.removed > 0 => {
                tracing::info!(
                    blobs = report.removed,
                    bytes = report.freed_bytes,
                    "removed what old jobs left"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = chain(&*error), "the store was not tidied"),
        }
    }

    fn tidy_store(&self) -> Result<GcReport, Box<dyn std::error::Error>> {
        let now = SystemTime::now();
        for artifact in self.store.list(now)? {
            self.store.remove(&artifact.digest)?;
        }
        // what the record of tasks still shows stays as long as the record does
        let in_use = vyr_telemetry::record::blobs_in_use(&self.record)?;
        Ok(self.store.gc(in_use, YOUNG, now)?)
    }
}
