//! A market that does what a test says: the wire, sessions, files and money are real, the run is a script.

mod auth;
mod jobs;
mod payments;
mod tus;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use buffa_types::google::protobuf::Timestamp;
use connectrpc::{ConnectError, ErrorCode, ErrorDetail, RequestContext};
use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::{Cluster, Contract, Network, Rpc};
use cyxwiz_proto::v1::{self, ErrorInfo, Reason};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::devnet::Devnet;

/// What a test may change at any time.
pub(crate) struct State {
    /// Its own name for itself.
    pub(crate) domain: String,
    /// Rewrites the message to be signed.
    pub(crate) message: fn(String) -> String,
    pub(crate) platform: v1::GetPlatformResponse,
    /// How long an access token is good, ms.
    pub(crate) access_ms: i64,
    pub(crate) access: HashMap<String, (String, i64)>,
    pub(crate) refresh: HashMap<String, String>,
    pub(crate) challenges: HashMap<String, String>,
    opened: u32,
    pub(crate) refreshes: u32,
    /// What an estimate says beside the quote.
    pub(crate) estimate: v1::EstimateJobResponse,
    pub(crate) price: Option<u64>,
    /// How long a quote is good, ms.
    pub(crate) quote_ms: i64,
    /// Rewrites the terms.
    pub(crate) terms: fn(&mut v1::Terms),
    pub(crate) jobs: BTreeMap<String, Held>,
    pub(crate) keys: HashMap<String, String>,
    pub(crate) uploads: HashMap<String, tus::Upload>,
    /// Every request that carried bytes of a file: path, offset, length.
    pub(crate) pieces: Vec<(String, u64, usize)>,
    /// Answers 500 to a piece, after half of it was kept, so often.
    pub(crate) broken_pieces: u32,
    /// Stops answering pieces from this number of bytes on.
    pub(crate) stall_after: Option<u64>,
    /// Refuses to queue, so often.
    pub(crate) late: u32,
    /// Cuts a stream after so many events.
    pub(crate) cut_every: Option<usize>,
    pub(crate) watches: Vec<u64>,
    /// What a job does once it is queued.
    pub(crate) script: Vec<v1::WatchJobResponse>,
    /// How it ends.
    pub(crate) end: fn(&mut v1::Job),
    pub(crate) outputs: Vec<(String, Vec<u8>)>,
    pub(crate) withheld: String,
    /// Serves an output other than its digest says, so often.
    pub(crate) rotten: u32,
    /// Cuts a download after so many bytes.
    pub(crate) cut_download: Option<usize>,
    pub(crate) ranges: Vec<String>,
}

/// A job of the market's.
pub(crate) struct Held {
    pub(crate) job: v1::Job,
    pub(crate) files: Vec<v1::FileInfo>,
    pub(crate) request: v1::CreateJobRequest,
    pub(crate) events: Vec<v1::WatchJobResponse>,
}

#[derive(Clone)]
pub(crate) struct Shared {
    state: Arc<Mutex<State>>,
    /// Something was added to some job.
    pub(crate) news: Arc<Notify>,
    rpc: Rpc,
    contract: Contract,
    buyers: Arc<HashSet<String>>,
}

pub(crate) struct Market {
    port: u16,
    pub(crate) shared: Shared,
    _runtime: Runtime,
}

impl Market {
    /// One that opens sessions alone.
    pub(crate) fn without_chain() -> Self {
        let network = Network::new(Cluster::Localnet, Some("http://127.0.0.1:1"), None).unwrap();
        Self::serve(&network, Address::default(), HashSet::new())
    }

    pub(crate) fn start(devnet: &Devnet) -> Self {
        let buyers = ["buyer", "seller"].map(|name| devnet.address(name).to_string());
        Self::serve(&devnet.network(), devnet.address("settle"), buyers.into())
    }

    fn serve(network: &Network, settle_key: Address, buyers: HashSet<String>) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Shared {
            state: Arc::new(Mutex::new(State::new(network, settle_key, port))),
            news: Arc::new(Notify::new()),
            rpc: Rpc::new(&network.url),
            contract: Contract::of(network),
            buyers: Arc::new(buyers),
        };
        let served = shared.clone();
        runtime.spawn(async move {
            let service = Arc::new(served.clone());
            let router = connectrpc::Router::new();
            let router = v1::AuthServiceExt::register(Arc::clone(&service), router);
            let router = v1::PaymentServiceExt::register(Arc::clone(&service), router);
            let router = v1::JobServiceExt::register(service, router);
            let app = tus::routes(served).fallback_service(router.into_axum_service());
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
        Self { port, shared, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// The only job, or the newest one.
    pub(crate) fn job(&self) -> v1::Job {
        self.state().jobs.values().next_back().unwrap().job.clone()
    }

    /// What the newest job does next.
    pub(crate) fn push(&self, events: Vec<v1::WatchJobResponse>, end: Option<fn(&mut v1::Job)>) {
        let id = self.job().id;
        let mut state = self.state();
        let held = state.jobs.get_mut(&id).unwrap();
        held.extend(events);
        if let Some(end) = end {
            end(&mut held.job);
        }
        drop(state);
        self.shared.news.notify_waiters();
    }

    /// Waits for something that a command does to the market.
    pub(crate) fn until(&self, what: impl Fn(&State) -> bool) {
        let start = std::time::Instant::now();
        while !what(&self.state()) {
            assert!(start.elapsed().as_secs() < 60, "in time");
            std::thread::yield_now();
        }
    }
}

impl Held {
    fn extend(&mut self, events: Vec<v1::WatchJobResponse>) {
        for mut event in events {
            let numbered = self.events.iter().filter(|event| event.seq != 0).count() as u64;
            event.seq = if event.seq == 0 { 0 } else { numbered + 1 };
            event.at = now().into();
            self.events.push(event);
        }
    }
}

impl State {
    fn new(network: &Network, settle_key: Address, port: u16) -> Self {
        let platform = v1::GetPlatformResponse {
            cluster: "localnet".to_owned(),
            program: network.program.id.to_string(),
            usdc_mint: network.usdc.to_string(),
            settle_key: settle_key.to_string(),
            ..Default::default()
        };
        let offer = v1::Offer {
            node_id: "nod_00000000000000000000000000000001".to_owned(),
            gpu_type: "cpu".to_owned(),
            cpu_milli: 4000,
            memory_mib: 8192,
            micro_usd_per_hour: 50_000,
            ..Default::default()
        };
        let estimate = v1::EstimateJobResponse {
            offers: vec![offer],
            matching: 1,
            cloud_micro_usd_per_hour: 200_000,
            cloud_offer: "a large cloud's 4 processors (2026-11-01)".to_owned(),
            ..Default::default()
        };
        Self {
            domain: format!("127.0.0.1:{port}"),
            message: |message| message,
            platform,
            access_ms: 900_000,
            access: HashMap::new(),
            refresh: HashMap::new(),
            challenges: HashMap::new(),
            opened: 0,
            refreshes: 0,
            estimate,
            price: Some(50_000),
            quote_ms: 60_000,
            terms: |_| {},
            jobs: BTreeMap::new(),
            keys: HashMap::new(),
            uploads: HashMap::new(),
            pieces: Vec::new(),
            broken_pieces: 0,
            stall_after: None,
            late: 0,
            cut_every: None,
            watches: Vec::new(),
            script: Vec::new(),
            end: |_| {},
            outputs: Vec::new(),
            withheld: String::new(),
            rotten: 0,
            cut_download: None,
            ranges: Vec::new(),
        }
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Who calls.
    fn caller(&self, context: &RequestContext) -> Result<String, ConnectError> {
        let header = context.headers().get("authorization").and_then(|header| header.to_str().ok());
        self.bearer(header.unwrap_or_default())
            .ok_or_else(|| refuse(ErrorCode::Unauthenticated, Reason::REASON_NO_SESSION, "no session"))
    }

    fn bearer(&self, header: &str) -> Option<String> {
        let token = header.strip_prefix("Bearer ")?;
        let state = self.state();
        let (owner, until) = state.access.get(token)?;
        (*until > millis()).then(|| owner.clone())
    }
}

pub(crate) fn refuse(code: ErrorCode, reason: Reason, message: &str) -> ConnectError {
    let info = ErrorInfo { reason: reason.into(), ..Default::default() };
    ConnectError::new(code, message).with_detail(ErrorDetail::from_message("cyxwiz.v1.ErrorInfo", &info))
}

pub(crate) fn millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

pub(crate) fn at(millis: i64) -> Timestamp {
    let nanos = i32::try_from(millis.rem_euclid(1000)).unwrap() * 1_000_000;
    Timestamp { seconds: millis.div_euclid(1000), nanos, ..Default::default() }
}

pub(crate) fn now() -> Timestamp {
    at(millis())
}

/// An event of a state.
pub(crate) fn state(state: v1::JobState, message: &str) -> v1::WatchJobResponse {
    let change = v1::StateChange { state: state.into(), message: message.to_owned(), ..Default::default() };
    numbered(change)
}

/// A line of output.
pub(crate) fn log(stream: v1::LogStream, text: &str) -> v1::WatchJobResponse {
    let chunk = v1::LogChunk {
        epoch: 1,
        stream: stream.into(),
        data: text.as_bytes().to_vec(),
        ..Default::default()
    };
    numbered(chunk)
}

fn numbered(event: impl Into<v1::__buffa::oneof::watch_job_response::Event>) -> v1::WatchJobResponse {
    v1::WatchJobResponse { seq: 1, event: Some(event.into()), ..Default::default() }
}
