use std::collections::VecDeque;
use std::time::Duration;

use connectrpc::client::{BidiRecvHalf, BidiSendHalf, HttpClient};
use cyxwiz_chain::escrow::Address;
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::attend_response::Message;
use cyxwiz_proto::v1::__buffa::view::AttendResponseView;
use cyxwiz_proto::v1::NodeServiceClient;
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use super::bazaar::Bazaar;
use crate::support::Key;

/// What does not come in this time never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A node that says what a test wants.
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) payout: Address,
    pub(crate) calls: NodeServiceClient<HttpClient>,
    server: usize,
    stream: Option<(BidiSendHalf<v1::AttendRequest>, Receiving)>,
    beats: u64,
    pub(super) working: Vec<(String, u32)>,
    /// What came while something else was waited for.
    backlog: VecDeque<Message>,
}

type Receiving = BidiRecvHalf<hyper::body::Incoming, AttendResponseView<'static>>;

impl Node {
    /// Signs in, enrols, passes the benchmark, stands by.
    pub(crate) async fn stand_by(bazaar: &Bazaar, seed: u8) -> Self {
        let mut node = Self::enrolled(bazaar, seed, 0).await;
        node.attend(bazaar, &[]).await;
        node
    }

    pub(crate) async fn enrolled(bazaar: &Bazaar, seed: u8, server: usize) -> Self {
        Self::enrolled_with(bazaar, seed, server, Vec::new()).await
    }

    pub(crate) async fn enrolled_with(bazaar: &Bazaar, seed: u8, server: usize, gpus: Vec<v1::Gpu>) -> Self {
        let session = bazaar.world.sign_in(&Key::of(seed), "ROLE_NODE").await;
        let calls = NodeServiceClient::new(Bazaar::transport(), bazaar.config(server, &session.access));
        let payout = Keypair::new().pubkey();
        let mut request = enrolment(&payout);
        request.hardware.get_or_insert_default().gpus = gpus.clone();
        let enrolled = calls.enrol_node(request).await.unwrap().into_owned();
        if let Some(benchmark) = enrolled.benchmark.into_option() {
            let answer = v1::ReportBenchmarkRequest { gpus, ..answer(&benchmark, 2) };
            let report = calls.report_benchmark(answer).await.unwrap().into_owned();
            assert!(report.confirmed, "{}", report.message);
        }
        let id = enrolled.node.as_option().unwrap().id.clone();
        Self {
            id,
            token: session.access,
            payout,
            calls,
            server,
            stream: None,
            beats: 0,
            working: Vec::new(),
            backlog: VecDeque::new(),
        }
    }

    /// Signs in anew for its calls; the stream stays.
    pub(crate) async fn renew(&mut self, bazaar: &Bazaar, seed: u8) {
        self.token = bazaar.world.sign_in(&Key::of(seed), "ROLE_NODE").await.access;
        self.calls = NodeServiceClient::new(Bazaar::transport(), bazaar.config(self.server, &self.token));
    }

    /// Opens the stream; gives the attempts that it is to drop.
    pub(crate) async fn attend(&mut self, bazaar: &Bazaar, attempts: &[String]) -> Vec<String> {
        self.attend_at(bazaar, self.server, attempts).await
    }

    pub(crate) async fn attend_at(
        &mut self,
        bazaar: &Bazaar,
        server: usize,
        attempts: &[String],
    ) -> Vec<String> {
        self.server = server;
        self.calls = NodeServiceClient::new(Bazaar::transport(), bazaar.config(server, &self.token));
        let options = connectrpc::client::CallOptions::default().with_timeout(Duration::from_secs(600));
        let stream = self.calls.attend_with_options(options).await.unwrap();
        let (mut send, mut receive) = stream.into_split();
        let hello = v1::Hello {
            attempt_ids: attempts.to_vec(),
            agent_version: "test".to_owned(),
            ..Default::default()
        };
        send.send(v1::AttendRequest { message: Some(hello.into()), ..Default::default() }).await.unwrap();
        let first = tokio::time::timeout(PATIENCE, receive.message()).await.unwrap().unwrap().unwrap();
        let Some(Message::Welcome(welcome)) = first.to_owned_message().message else { panic!("no welcome") };
        self.stream = Some((send, receive));
        self.backlog.clear();
        welcome.dropped_attempt_ids
    }

    /// Lets the stream go, as a cut would.
    pub(crate) fn hang_up(&mut self) {
        self.stream = None;
    }

    /// Waits until the server ends the stream; why it did.
    pub(crate) async fn cut_off(&mut self) -> v1::Reason {
        let (_, receive) = self.stream.as_mut().unwrap();
        let ends = async {
            loop {
                match receive.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return receive.error().cloned().expect("it ended well"),
                    Err(error) => return error,
                }
            }
        };
        let error = tokio::time::timeout(PATIENCE, ends).await.expect("the stream is still open");
        super::bazaar::reason(&error)
    }

    /// The next message, of those that waited first.
    async fn next(&mut self) -> Message {
        match self.backlog.pop_front() {
            Some(message) => message,
            None => self.message().await,
        }
    }

    async fn message(&mut self) -> Message {
        let (_, receive) = self.stream.as_mut().unwrap();
        let message =
            tokio::time::timeout(PATIENCE, receive.message()).await.expect("the server says nothing");
        message.unwrap().expect("the stream ended").to_owned_message().message.unwrap()
    }

    pub(crate) async fn assignment(&mut self) -> v1::Assignment {
        loop {
            if let Message::Assignment(assignment) = self.next().await {
                return *assignment;
            }
        }
    }

    /// The next benchmark that it is given.
    pub(crate) async fn benchmark(&mut self) -> v1::Benchmark {
        loop {
            if let Message::Benchmark(benchmark) = self.next().await {
                return *benchmark;
            }
        }
    }

    pub(crate) async fn stop(&mut self) -> v1::Stop {
        loop {
            if let Message::Stop(stop) = self.next().await {
                return *stop;
            }
        }
    }

    async fn say(&mut self, message: impl Into<v1::__buffa::oneof::attend_request::Message>) {
        let (send, _) = self.stream.as_mut().unwrap();
        send.send(v1::AttendRequest { message: Some(message.into()), ..Default::default() }).await.unwrap();
    }

    pub(crate) async fn answer(&mut self, work: &v1::Assignment, accepted: bool) {
        if accepted {
            self.working.push((work.attempt_id.clone(), work.epoch));
        }
        let reason = if accepted { String::new() } else { "no".to_owned() };
        self.decide(work, accepted, false, reason).await;
    }

    /// Refuses an assignment for now: what ran before is still being cleared away.
    pub(crate) async fn busy(&mut self, work: &v1::Assignment) {
        self.decide(work, false, true, "all 1 processor slots are in use".to_owned()).await;
    }

    async fn decide(&mut self, work: &v1::Assignment, accepted: bool, busy: bool, reason: String) {
        self.say(v1::Answer {
            attempt_id: work.attempt_id.clone(),
            epoch: work.epoch,
            accepted,
            busy,
            reason,
            ..Default::default()
        })
        .await;
    }

    /// Beats, and waits until the server has it.
    pub(crate) async fn beat(&mut self) {
        self.beats += 1;
        let used = |(attempt_id, epoch): &(String, u32)| v1::AttemptUsage {
            attempt_id: attempt_id.clone(),
            epoch: *epoch,
            usage: v1::Usage { cpu_ms: 5, memory_bytes: 7, ..Default::default() }.into(),
            ..Default::default()
        };
        let attempts = self.working.iter().map(used).collect();
        self.say(v1::Beat { seq: self.beats, attempts, ..Default::default() }).await;
        loop {
            match self.message().await {
                Message::Pulse(pulse) if pulse.seq == self.beats => return,
                other => self.backlog.push_back(other),
            }
        }
    }

    /// Lets model time pass while the node beats every five seconds.
    pub(crate) async fn pass(&mut self, bazaar: &Bazaar, seconds: u64) {
        for _ in 0..seconds / 5 {
            bazaar.advance(5);
            self.beat().await;
        }
        bazaar.advance(seconds % 5);
        bazaar.looked().await;
    }
}

pub(crate) fn enrolment(payout: &Address) -> v1::EnrolNodeRequest {
    let hardware = v1::Hardware {
        cpu_model: "a processor".to_owned(),
        cpu_milli: 2000,
        memory_mib: 4096,
        disk_mib: 50_000,
        container_engine: "docker 20.10".to_owned(),
        ..Default::default()
    };
    let mode = v1::availability::Mode::MODE_ON.into();
    v1::EnrolNodeRequest {
        name: "a node".to_owned(),
        payout_wallet: payout.to_string(),
        min_micro_usd_per_hour: 1,
        availability: v1::Availability { mode, ..Default::default() }.into(),
        hardware: hardware.into(),
        agent_version: "1".to_owned(),
        ..Default::default()
    }
}

/// The right answer to a benchmark.
pub(crate) fn answer(benchmark: &v1::Benchmark, threads: u32) -> v1::ReportBenchmarkRequest {
    v1::ReportBenchmarkRequest {
        id: benchmark.id.clone(),
        output: cyxwiz_model::benchmark(&benchmark.seed, benchmark.rounds, threads).to_vec(),
        threads,
        ..Default::default()
    }
}
