//! A scripted server: what it was told, what it says, and when it fails.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use connectrpc::ConnectError;
use cyxwiz_model::{AttemptId, JobId};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::attend_response::Message as Says;
use cyxwiz_proto::v1::__buffa::oneof::job_spec::Workload;
use cyxwiz_proto::v1::__buffa::oneof::log_entry::Entry;
use cyxwiz_proto::v1::__buffa::oneof::report_attempt_request::Step;
use cyxwiz_proto::v1::{AuthServiceExt as _, NodeServiceExt as _};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, watch};

use crate::files::{self, Upload};
use crate::rpc::{Auth, Nodes};

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(90);

/// The server. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Market(pub(crate) Arc<State>);

pub(crate) struct State {
    pub(crate) told: Mutex<Told>,
    changed: watch::Sender<u64>,
    pub(crate) address: SocketAddr,
    /// Refuses every call and cuts every stream.
    pub(crate) down: AtomicBool,
    /// Takes an upload's PATCHes only so many bytes at a time, then breaks; 0 takes all.
    pub(crate) break_uploads: AtomicU32,
    /// Breaks downloads after half, so often.
    pub(crate) break_downloads: AtomicU32,
}

/// What the node told, and what is kept for it.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) enrolled: Vec<v1::EnrolNodeRequest>,
    pub(crate) benchmarks: Vec<v1::ReportBenchmarkRequest>,
    pub(crate) hellos: Vec<v1::Hello>,
    pub(crate) beats: Vec<v1::Beat>,
    pub(crate) answers: Vec<v1::Answer>,
    pub(crate) reports: Vec<v1::ReportAttemptRequest>,
    pub(crate) logs: HashMap<String, BTreeMap<u64, v1::LogEntry>>,
    pub(crate) uploads: Vec<Upload>,
    pub(crate) inputs: HashMap<String, Vec<u8>>,
    pub(crate) dropped: Vec<String>,
    pub(crate) fenced: Vec<String>,
    pub(crate) signed_in: u32,
    pub(crate) refreshed: u32,
    pub(crate) node: Option<mpsc::UnboundedSender<Result<v1::AttendResponse, ConnectError>>>,
}

impl Market {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let market = Self(Arc::new(State {
            told: Mutex::default(),
            changed: watch::Sender::new(0),
            address: listener.local_addr().unwrap(),
            down: AtomicBool::new(false),
            break_uploads: AtomicU32::new(0),
            break_downloads: AtomicU32::new(0),
        }));
        let calls = Arc::new(Auth(market.clone())).register(connectrpc::Router::new());
        let calls = Arc::new(Nodes(market.clone())).register(calls);
        let calls = connectrpc::ConnectRpcService::new(calls);
        let router = files::router(market.clone()).merge(Router::new().fallback_service(calls));
        tokio::spawn(async move { axum::serve(listener, router).await });
        market
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    pub(crate) fn is_down(&self) -> bool {
        self.0.down.load(Ordering::Acquire)
    }

    /// Goes away: calls fail, the stream breaks.
    pub(crate) fn go_down(&self) {
        self.0.down.store(true, Ordering::Release);
        self.change(|told| {
            if let Some(node) = told.node.take() {
                let _ = node.send(Err(ConnectError::unavailable("cut")));
            }
        });
    }

    pub(crate) fn come_up(&self) {
        self.0.down.store(false, Ordering::Release);
    }

    /// Changes what was told, and wakes those who wait.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Told) -> T) -> T {
        let changed = change(&mut self.0.told.lock());
        self.0.changed.send_modify(|count| *count += 1);
        changed
    }

    /// Waits until `found` finds something in what was told.
    pub(crate) async fn until<T>(&self, what: &str, mut found: impl FnMut(&Told) -> Option<T>) -> T {
        let mut changes = self.0.changed.subscribe();
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = found(&self.0.told.lock()) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        });
        match waited.await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain for {what}; reports: {:?}", self.0.told.lock().reports),
        }
    }

    pub(crate) fn say(&self, message: impl Into<Says>) {
        let response = v1::AttendResponse { message: Some(message.into()), ..Default::default() };
        self.change(|told| told.node.as_ref().expect("the node attends").send(Ok(response)).unwrap());
    }

    pub(crate) async fn attended(&self) {
        self.until("a hello", |told| told.node.is_some().then_some(())).await;
    }

    /// Assigns a job and waits for it to be taken.
    pub(crate) async fn assign(&self, assignment: v1::Assignment) -> String {
        let id = assignment.attempt_id.clone();
        self.attended().await;
        self.say(assignment);
        let answer = self
            .until("an answer", |told| told.answers.iter().rfind(|answer| answer.attempt_id == id).cloned())
            .await;
        assert!(answer.accepted, "{}", answer.reason);
        id
    }

    /// Keeps a file for the node and returns its link.
    pub(crate) fn link(&self, path: &str, content: &[u8]) -> v1::FileLink {
        let sha256 = Sha256::digest(content);
        let name = hex::encode(sha256);
        self.change(|told| told.inputs.insert(name.clone(), content.to_vec()));
        let file = v1::FileInfo {
            path: path.to_owned(),
            size: content.len() as u64,
            sha256: sha256.to_vec(),
            ..Default::default()
        };
        v1::FileLink {
            file: file.into(),
            url: format!("{}/objects/{name}", self.url()),
            ..Default::default()
        }
    }

    /// A Wasm job with one program.
    pub(crate) fn wasm(&self, program: &str, args: &[&str]) -> v1::Assignment {
        let content = wat::parse_str(program).unwrap();
        let workload = v1::WasmWorkload {
            artifact: "job.wasm".to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            ..Default::default()
        };
        let spec = v1::JobSpec {
            name: "test".to_owned(),
            workload: Some(Workload::from(workload)),
            requirements: v1::Requirements {
                gpu_type: "cpu".to_owned(),
                memory_mib: 64,
                disk_mib: 64,
                ..Default::default()
            }
            .into(),
            max_micro_usd_per_hour: 1_000_000,
            timeout_seconds: 60,
            coin: v1::Coin::Usdc.into(),
            ..Default::default()
        };
        v1::Assignment {
            attempt_id: AttemptId::generate().to_string(),
            epoch: 1,
            job_id: JobId::generate().to_string(),
            spec: spec.into(),
            inputs: vec![self.link("job.wasm", &content)],
            upload_token: "upload".to_owned(),
            timeout_seconds: 60,
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            max_output_bytes: 8 << 20,
            max_log_bytes: 1 << 20,
            checkpoint_every: buffa_types::google::protobuf::Duration { seconds: 1, ..Default::default() }
                .into(),
            ..Default::default()
        }
    }

    /// Waits for the last report of an attempt.
    pub(crate) async fn finished(&self, id: &str) -> v1::Finished {
        self.until("the last report", |told| {
            told.steps(id).into_iter().find_map(|step| match step {
                Step::Finished(finished) => Some(*finished),
                _ => None,
            })
        })
        .await
    }

    pub(crate) fn told<T>(&self, look: impl FnOnce(&Told) -> T) -> T {
        look(&self.0.told.lock())
    }
}

impl Told {
    pub(crate) fn steps(&self, id: &str) -> Vec<Step> {
        let of = self.reports.iter().filter(|report| report.attempt_id == id);
        of.filter_map(|report| report.step.clone()).collect()
    }

    /// The names of an attempt's reports, in order.
    pub(crate) fn step_names(&self, id: &str) -> Vec<String> {
        let name = |step: Step| match step {
            Step::Preparing(preparing) => preparing.phase,
            Step::Started(_) => "started".to_owned(),
            Step::Exited(_) => "exited".to_owned(),
            Step::Checkpoint(checkpoint) => format!("checkpoint {}", checkpoint.number),
            Step::Finished(_) => "finished".to_owned(),
        };
        self.steps(id).into_iter().map(name).collect()
    }

    /// An attempt's output of one stream; its numbers have no gap.
    pub(crate) fn output(&self, id: &str, stream: v1::LogStream) -> String {
        let Some(entries) = self.logs.get(id) else { return String::new() };
        assert!(entries.keys().copied().eq(1..=entries.len() as u64), "{:?}", entries.keys());
        let chunks = entries.values().filter_map(|entry| match &entry.entry {
            Some(Entry::Log(chunk)) if chunk.stream.as_known() == Some(stream) => Some(chunk.data.clone()),
            _ => None,
        });
        String::from_utf8_lossy(&chunks.flatten().collect::<Vec<u8>>()).into_owned()
    }

    pub(crate) fn progress(&self, id: &str) -> Vec<v1::Progress> {
        let entries = self.logs.get(id).into_iter().flat_map(|entries| entries.values());
        let progress = entries.filter_map(|entry| match &entry.entry {
            Some(Entry::Progress(progress)) => Some((**progress).clone()),
            _ => None,
        });
        progress.collect()
    }

    /// The content of a finished upload.
    pub(crate) fn uploaded(&self, kind: &str, path: &str) -> Option<Vec<u8>> {
        let of =
            self.uploads.iter().rfind(|upload| upload.kind == kind && upload.path == path && upload.done());
        of.map(|upload| upload.content.clone())
    }
}
