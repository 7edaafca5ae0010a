//! A container job is a VYR task: submitted through the Control API, recorded, traced, cancelled.

use std::{io::Cursor, time::SystemTime};

use cyxwiz_sandbox::ContainerJob;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message as _;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use vyr_model::{ArtifactKind, BuiltManifest, Digest, ManifestDraft, SecretKey};
use vyr_node::{Executor, Home, Node, NodeOptions};
use vyr_sdk::{
    Client, Endpoint,
    control::{
        CancelTaskRequest, DirGrant, EnvGrant, Grants, PutArtifactRequest, Resources, StreamTracesRequest,
        SubmitTaskRequest, TaskState, TaskStatus, TraceFilter,
    },
};

use crate::support::{Host, eventually};

/// A VYR node in this process, as a node agent embeds it.
struct Embedding {
    client: Client,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    home: TempDir,
}

impl Embedding {
    async fn start(extra: Vec<Box<dyn Executor>>) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), extra).await
    }

    async fn start_in(home: TempDir, extra: Vec<Box<dyn Executor>>) -> Self {
        let node = Node::start_with(NodeOptions::new(home.path().to_owned()), extra).await.unwrap();
        let socket = node.addresses().socket.clone().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(node.run(async {
            let _ = stopped.await;
        }));
        let client = Client::new(Endpoint::Unix(socket), None).unwrap();
        Self { client, stop, running, home }
    }

    async fn stop(self) -> TempDir {
        self.stop.send(()).unwrap();
        self.running.await.unwrap();
        self.home
    }

    /// Puts a job as an artifact that the node's own key signed, and returns its digest.
    async fn put(&self, job: &ContainerJob) -> String {
        let (built, layer) = job.artifact("train", "1.0").unwrap();
        self.put_built(built, layer).await
    }

    async fn put_built(&self, built: BuiltManifest, layer: Vec<u8>) -> String {
        for blob in [layer, built.config.clone()] {
            let size = u64::try_from(blob.len()).unwrap();
            self.client.put_blob(Digest::of(&blob), size, Cursor::new(blob)).await.unwrap();
        }
        let keys = Home::new(self.home.path()).keys();
        let pem = std::fs::read_dir(keys).unwrap().find_map(|entry| {
            let path = entry.unwrap().path();
            SecretKey::from_pem(&std::fs::read_to_string(path).ok()?).ok()
        });
        let signature = pem.unwrap().sign(&built.manifest);
        let request = PutArtifactRequest {
            digest: built.digest().to_string(),
            manifest: built.manifest,
            signature: signature.as_bytes().to_vec(),
            ..Default::default()
        };
        self.client.put_artifact(request).await.unwrap().digest
    }

    async fn submit(&self, artifact: &str, grants: Grants) -> String {
        let resources = Resources { grants: grants.into(), ..Default::default() };
        let request = SubmitTaskRequest {
            artifact_digest: artifact.to_owned(),
            resources: resources.into(),
            ..Default::default()
        };
        self.client.submit_task(request).await.unwrap().task_id
    }

    /// The names of a task's spans, from the record.
    async fn spans(&self, task: &str) -> Vec<String> {
        let filter = TraceFilter { task_ids: vec![task.to_owned()], ..Default::default() };
        let request = StreamTracesRequest { filter: filter.into(), ..Default::default() };
        let mut stream = self.client.stream_traces(request).await.unwrap();
        let mut names = Vec::new();
        while let Some(message) = stream.next().await.unwrap() {
            let data = TracesData::decode(message.traces_data.as_slice()).unwrap();
            let scopes = data.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            names.extend(scopes.flat_map(|scope| scope.spans).map(|span| span.name));
        }
        names
    }

    async fn text(&self, status: &TaskStatus) -> String {
        let digest: Digest = status.stdout.as_option().unwrap().digest.parse().unwrap();
        String::from_utf8(self.client.get_small_blob(digest, 1 << 20).await.unwrap()).unwrap()
    }
}

fn state(status: &TaskStatus) -> Option<TaskState> {
    status.state.as_known()
}

fn job(host: &Host, script: &str) -> ContainerJob {
    host.python(script).job
}

#[tokio::test]
async fn it_is_recorded_and_traced_and_its_outputs_are_blobs() {
    let host = Host::new().await;
    let node = Embedding::start(vec![Box::new(host.executor.clone())]).await;
    let input = host.folder("in");
    std::fs::write(input.join("data"), "42").unwrap();
    let script = "import os\nprint(os.environ['CYX_X'], open('/job/data').read(), 'TRACEPARENT' in os.environ)\n\
                  open('/out/model', 'w').write('weights')";
    let artifact = node.put(&job(&host, script)).await;
    let env = EnvGrant { name: "CYX_X".into(), value: "x".into(), ..Default::default() };
    let dir = DirGrant {
        host_path: input.to_str().unwrap().to_owned(),
        guest_path: "/job".into(),
        read_only: true,
        ..Default::default()
    };
    let task = node.submit(&artifact, Grants { env: vec![env], dirs: vec![dir], ..Default::default() }).await;
    let status = node.client.wait(&task).await.unwrap();
    assert_eq!(state(&status), Some(TaskState::Succeeded), "{}", status.message);
    assert_eq!(node.text(&status).await, "x 42 True\n");
    assert_eq!(status.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["model"]);
    let spans = node.spans(&task).await;
    for edge in ["vyr.accept", "vyr.load", "vyr.instantiate", "vyr.execute", "vyr.terminal", "vyr.task"] {
        assert!(spans.iter().any(|name| name == edge), "{edge} is not in {spans:?}");
    }
    // the record tells it after a restart, too
    let home = node.stop().await;
    let node = Embedding::start_in(home, vec![Box::new(host.executor.clone())]).await;
    let status = node.client.wait(&task).await.unwrap();
    assert_eq!(state(&status), Some(TaskState::Succeeded));
    assert_eq!(node.spans(&task).await, spans);
    node.stop().await;
    host.assert_clean().await;
}

#[tokio::test]
async fn it_is_cancelled_as_any_task() {
    let host = Host::new().await;
    let node = Embedding::start(vec![Box::new(host.executor.clone())]).await;
    let artifact = node.put(&job(&host, "import time\nprint('runs')\ntime.sleep(3600)")).await;
    let task = node.submit(&artifact, Grants::default()).await;
    eventually("the job runs", || async { !host.samples.lock().unwrap().is_empty() }).await;
    let began = SystemTime::now();
    let cancel = CancelTaskRequest { task_id: task.clone(), ..Default::default() };
    node.client.cancel_task(cancel).await.unwrap();
    let status = node.client.wait(&task).await.unwrap();
    assert_eq!(state(&status), Some(TaskState::Cancelled), "after {:?}", began.elapsed());
    assert!(node.spans(&task).await.iter().any(|name| name == "vyr.cancel"));
    node.stop().await;
    host.assert_clean().await;
}

#[tokio::test]
async fn a_node_without_the_executor_refuses_it() {
    let host = Host::new().await;
    let node = Embedding::start(vec![]).await;
    let artifact = node.put(&job(&host, "")).await;
    let task = node.submit(&artifact, Grants::default()).await;
    let status = node.client.wait(&task).await.unwrap();
    assert_eq!(state(&status), Some(TaskState::Failed));
    assert!(status.message.contains("runs no artifacts of kind container"), "{}", status.message);
    node.stop().await;
}

#[tokio::test]
async fn a_document_with_an_unknown_field_is_refused() {
    let host = Host::new().await;
    let node = Embedding::start(vec![Box::new(host.executor.clone())]).await;
    let good = job(&host, "");
    let text =
        String::from_utf8(good.to_bytes()).unwrap().replace("{\"image\"", "{\"privileged\":true,\"image\"");
    let draft = ManifestDraft::new(ArtifactKind::Container, "train", "1.0");
    let built = draft.build(Digest::of(text.as_bytes()), u64::try_from(text.len()).unwrap()).unwrap();
    let artifact = node.put_built(built, text.into_bytes()).await;
    let task = node.submit(&artifact, Grants::default()).await;
    let status = node.client.wait(&task).await.unwrap();
    assert_eq!(state(&status), Some(TaskState::Failed));
    assert!(status.message.contains("privileged"), "{}", status.message);
    node.stop().await;
}
