use std::collections::HashMap;
use std::time::Duration;

use connectrpc::client::{ClientConfig, HttpClient};
use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::escrow::policy::{Amount, ConfigVersion, JobId as EscrowJob, Order, UnixTime};
use cyxwiz_chain::{Coin, Contract, Courier, Journal, Money, Policy, Rpc, Signed};
use cyxwiz_model::{JobId, Moment, Span};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::{JobServiceClient, PaymentServiceClient};
use cyxwiz_server::config::Settings;
use serde_json::json;
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use super::devnet::Devnet;
use crate::support::{World, sha256};

/// A condition that does not come in this time never comes.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the script of each job says.
pub(crate) const SCRIPT: &[u8] = b"print('hello')\n";

/// A chain, a world with servers on it, and a buyer.
pub(crate) struct Bazaar {
    pub(crate) devnet: Devnet,
    pub(crate) world: World,
    pub(crate) rpc: Rpc,
    pub(crate) contract: Contract,
    pub(crate) wallet: Keypair,
    pub(crate) token: String,
}

struct Nowhere;

impl Journal for Nowhere {
    type Error = std::convert::Infallible;

    async fn signed(&mut self, _: &Signed) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl Bazaar {
    pub(crate) async fn open() -> Self {
        Self::with(1, |_| {}).await
    }

    pub(crate) async fn with(servers: usize, change: impl Fn(&mut Settings)) -> Self {
        let devnet = Devnet::start(50);
        let (rpc, contract, wallet) = (devnet.rpc(), devnet.contract(), devnet.wallet("buyer"));
        let world = World::with(servers, |settings| {
            settings.rpc_url = Some(devnet.url());
            settings.settle_key = Some(devnet.wallet_path("settle").display().to_string());
            settings.dispute_window_seconds = Some(60);
            settings.calls_per_account = Some(100_000);
            change(settings);
        })
        .await;
        // the chain's clock is the machine's
        let chain = Moment(rpc.time().await.unwrap().0 * 1000);
        world.clock.advance(chain.since(world.clock.now()));
        let token = sign_in(&world, &wallet).await;
        let bazaar = Self { devnet, world, rpc, contract, wallet, token };
        bazaar.set_prices().await;
        bazaar
    }

    async fn set_prices(&self) {
        let (db, now) = (self.world.db(), self.world.clock.now());
        let cpu = "cpu".parse().unwrap();
        let price = Some(cyxwiz_model::HourlyPrice(3_600_000));
        cyxwiz_server::platform::set_price(db, &cpu, price, now).await.unwrap();
        cyxwiz_server::platform::set_sol_rate(db, 160_000_000, now).await.unwrap();
    }

    /// Money into the buyer's balance.
    pub(crate) async fn deposit(&self, coin: Coin, amount: u64) {
        let draft = self.contract.deposit(self.wallet.pubkey(), Money::new(coin, amount));
        self.land(&draft).await;
    }

    pub(crate) async fn land(&self, draft: &cyxwiz_chain::Draft) -> String {
        let policy = Policy { poll: Duration::from_millis(30), ..Policy::interactive() };
        let courier = Courier::new(self.rpc.clone(), policy);
        let delivered = courier.deliver(draft, &[&self.wallet], &mut Nowhere).await.unwrap();
        assert_eq!(delivered.error, None);
        delivered.signature.to_string()
    }

    pub(crate) fn transport() -> HttpClient {
        HttpClient::plaintext_http2_only()
    }

    pub(crate) fn config(&self, server: usize, token: &str) -> ClientConfig {
        let uri = self.world.url(server).parse().unwrap();
        let config = ClientConfig::new(uri).with_default_timeout(Duration::from_secs(60));
        if token.is_empty() {
            config
        } else {
            config.with_default_header("authorization", format!("Bearer {token}"))
        }
    }

    pub(crate) fn jobs(&self) -> JobServiceClient<HttpClient> {
        JobServiceClient::new(Self::transport(), self.config(0, &self.token))
    }

    pub(crate) fn payments(&self) -> PaymentServiceClient<HttpClient> {
        PaymentServiceClient::new(Self::transport(), self.config(0, &self.token))
    }

    /// A job that runs the script on a processor.
    pub(crate) fn spec(coin: Coin, timeout_seconds: u32) -> v1::JobSpec {
        let script = v1::ScriptWorkload {
            entry: "train.py".to_owned(),
            image: "python".to_owned(),
            ..Default::default()
        };
        v1::JobSpec {
            name: "train".to_owned(),
            workload: Some(script.into()),
            requirements: v1::Requirements { gpu_type: "cpu".to_owned(), ..Default::default() }.into(),
            max_micro_usd_per_hour: 10_000_000,
            timeout_seconds,
            coin: v1::Coin::from(coin).into(),
            ..Default::default()
        }
    }

    /// Estimates and creates a job.
    pub(crate) async fn create(&self, spec: v1::JobSpec, deposit: u64, limit: u64, key: &str) -> v1::Job {
        self.create_of(spec, ("train.py", SCRIPT), (deposit, limit), key).await
    }

    pub(crate) async fn create_of(
        &self,
        spec: v1::JobSpec,
        (path, content): (&str, &[u8]),
        (deposit, limit): (u64, u64),
        key: &str,
    ) -> v1::Job {
        let estimate = self.estimate(&spec, |estimate| estimate.quote.is_set()).await;
        let file = v1::FileInfo {
            path: path.to_owned(),
            size: content.len() as u64,
            sha256: sha256(content).to_vec(),
            ..Default::default()
        };
        let request = v1::CreateJobRequest {
            spec: spec.into(),
            quote: estimate.quote,
            files: vec![file],
            deposit,
            limit,
            idempotency_key: key.to_owned(),
            ..Default::default()
        };
        self.jobs().create_job(request).await.unwrap().into_owned().job.into_option().unwrap()
    }

    /// Estimates until it is as expected: what is offered is read once a second.
    pub(crate) async fn estimate(
        &self,
        spec: &v1::JobSpec,
        expected: impl Fn(&v1::EstimateJobResponse) -> bool,
    ) -> v1::EstimateJobResponse {
        let start = tokio::time::Instant::now();
        loop {
            let request = v1::EstimateJobRequest { spec: spec.clone().into(), ..Default::default() };
            let estimate = self.jobs().estimate_job(request).await.unwrap().into_owned();
            if expected(&estimate) {
                return estimate;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{estimate:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Uploads the script.
    pub(crate) async fn upload(&self, job: &v1::Job) {
        self.upload_of(job, ("train.py", SCRIPT)).await;
    }

    pub(crate) async fn upload_of(&self, job: &v1::Job, (path, content): (&str, &[u8])) {
        let begun = self.world.begin(&self.token, (&job.id, "input", path), content, None).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        let sent = self.world.patch(&self.token, &begun.location, 0, content).await;
        assert_eq!(sent.status, 204, "{sent:?}");
    }

    pub(crate) fn order(job: &v1::Job) -> (Coin, Order) {
        let terms = job.terms.as_option().unwrap();
        let order = Order {
            job: EscrowJob(terms.escrow_job_id.clone().try_into().unwrap()),
            deposit: Amount(terms.deposit),
            limit: Amount(terms.limit),
            expire_at: UnixTime(terms.expire_at),
            config_version: ConfigVersion(terms.config_version),
        };
        (cyxwiz_proto::coin_of(terms.coin).unwrap(), order)
    }

    /// Opens the escrow on the job's terms; gives the signature.
    pub(crate) async fn fund(&self, job: &v1::Job) -> String {
        let (coin, order) = Self::order(job);
        let buyer = self.wallet.pubkey();
        self.land(&self.contract.open(buyer, buyer, coin, order)).await
    }

    /// Everything up to the queue.
    pub(crate) async fn submit(&self, spec: v1::JobSpec, deposit: u64, limit: u64, key: &str) -> v1::Job {
        let job = self.create(spec, deposit, limit, key).await;
        self.upload(&job).await;
        let open_signature = self.fund(&job).await;
        let request = v1::QueueJobRequest { job_id: job.id, open_signature, ..Default::default() };
        self.jobs().queue_job(request).await.unwrap().into_owned().job.into_option().unwrap()
    }

    pub(crate) async fn job(&self, id: &str) -> v1::Job {
        let request = v1::GetJobRequest { job_id: id.to_owned(), ..Default::default() };
        self.jobs().get_job(request).await.unwrap().into_owned().job.into_option().unwrap()
    }

    /// Waits for a state.
    pub(crate) async fn until(&self, id: &str, state: v1::JobState) -> v1::Job {
        let start = tokio::time::Instant::now();
        loop {
            let job = self.job(id).await;
            if job.state.as_known() == Some(state) {
                return job;
            }
            assert!(start.elapsed() < PATIENCE, "it never became {state:?}: {job:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the watchdogs have seen what time it is.
    pub(crate) async fn looked(&self) {
        let start = tokio::time::Instant::now();
        loop {
            let seen: Option<i64> = sqlx::query_scalar("SELECT seen_at FROM uptime")
                .fetch_optional(self.world.db().pool())
                .await
                .unwrap();
            if seen.is_some_and(|seen| Moment(seen) >= self.world.clock.now()) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "nobody looks");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Moves the servers' clocks.
    pub(crate) fn advance(&self, seconds: u64) {
        self.world.clock.advance(Span::seconds(seconds));
    }

    pub(crate) async fn cancel(&self, id: &str) -> Result<v1::Job, connectrpc::ConnectError> {
        let request = v1::CancelJobRequest { job_id: id.to_owned(), ..Default::default() };
        self.jobs().cancel_job(request).await.map(|answer| answer.into_owned().job.into_option().unwrap())
    }

    /// Free and locked in the buyer's balance.
    pub(crate) async fn books(&self, coin: Coin) -> (u64, u64) {
        let balance = self.rpc.balance(&self.contract, &self.wallet.pubkey(), coin).await.unwrap();
        balance.map_or((0, 0), |balance| (balance.free.0, balance.locked.0))
    }

    pub(crate) async fn tokens(&self, owner: &Address) -> u64 {
        self.rpc.tokens(&self.contract, owner).await.unwrap().amount.unwrap_or(Amount::ZERO).0
    }

    /// Nothing rang: the meter and the chain agree.
    pub(crate) async fn no_alarms(&self) {
        let alarms: Vec<String> =
            sqlx::query_scalar("SELECT what FROM alarms").fetch_all(self.world.db().pool()).await.unwrap();
        assert!(alarms.is_empty(), "{alarms:?}");
    }

    /// Every event of a finished job, each once and in order.
    pub(crate) async fn events(&self, id: &str) -> Vec<v1::WatchJobResponse> {
        let request = v1::WatchJobRequest { job_id: id.to_owned(), ..Default::default() };
        let mut stream = self.jobs().watch_job(request).await.unwrap();
        let mut events = Vec::new();
        while let Some(event) = stream.message().await.unwrap() {
            events.push(event.to_owned_message());
        }
        let numbered: Vec<u64> = events.iter().map(|event| event.seq).filter(|seq| *seq > 0).collect();
        let expected: Vec<u64> = (1..=numbered.len() as u64).collect();
        assert_eq!(numbered, expected, "each event once, in order");
        events
    }

    /// The states that a job went through.
    pub(crate) async fn states(&self, id: &str) -> Vec<v1::JobState> {
        use v1::__buffa::oneof::watch_job_response::Event;
        let mut states: Vec<v1::JobState> = Vec::new();
        for event in self.events(id).await {
            if let Some(Event::State(change)) = event.event {
                let state = change.state.as_known().unwrap();
                if states.last() != Some(&state) {
                    states.push(state);
                }
            }
        }
        states
    }

    /// How many transactions of each kind landed for a job's escrow, by the chain's own history.
    pub(crate) async fn closings(&self, id: &str) -> HashMap<&'static str, usize> {
        use cyxwiz_chain::escrow::Event;
        let job: JobId = id.parse().unwrap();
        let program = &self.contract.program;
        let escrow = program.escrow(&self.wallet.pubkey(), EscrowJob(*job.as_bytes()));
        let mut counts = HashMap::new();
        for entry in self.rpc.history(&program.id, &escrow, 100).await.unwrap() {
            for event in entry.events {
                let name = match event {
                    Event::Opened { .. } => "opened",
                    Event::Assigned { .. } => "assigned",
                    Event::ToppedUp { .. } => "topped up",
                    Event::Settled { .. } => "settled",
                    Event::GivenBack { .. } => "given back",
                    _ => continue,
                };
                *counts.entry(name).or_insert(0) += 1;
            }
        }
        counts
    }

    pub(crate) async fn close(self) {
        self.world.close().await;
    }
}

/// A buyer's session with a wallet of the chain.
pub(crate) async fn sign_in(world: &World, wallet: &Keypair) -> String {
    let body = json!({ "address": wallet.pubkey().to_string(), "role": "ROLE_BUYER" });
    let answer = world.call("AuthService/CreateChallenge", body, None).await;
    let message = answer.body["message"].as_str().unwrap().to_owned();
    let signature = wallet.sign_message(message.as_bytes());
    world.verify(&message, signature.as_ref()).await.session().access
}

/// The reason of a refusal.
pub(crate) fn reason(error: &connectrpc::ConnectError) -> v1::Reason {
    use base64::Engine as _;
    use buffa::Message as _;
    let detail = error.details.first().unwrap_or_else(|| panic!("{error:?}"));
    let value = detail.value.as_deref().unwrap_or_default();
    let bytes = base64::prelude::BASE64_STANDARD_NO_PAD.decode(value.trim_end_matches('=')).unwrap();
    v1::ErrorInfo::decode_from_slice(&bytes).unwrap().reason.as_known().unwrap()
}

impl Bazaar {
    /// Submits with a price from before: no node stands by now.
    pub(crate) async fn submit_waiting(&self, spec: v1::JobSpec, key: &str) -> v1::Job {
        // the price is that of the list, which a quote was made of while a node stood by
        let parsed = cyxwiz_model::JobSpec::try_from(spec.clone()).unwrap();
        let now = self.world.clock.now();
        let quoted = cyxwiz_server::jobs::Quoted {
            price: cyxwiz_model::HourlyPrice(3_600_000),
            rate: cyxwiz_model::HourlyRate { coin: parsed.coin, base_units: 3_600_000 },
            micro_usd_per_sol: 0,
            expires_at: now.plus(Span::seconds(60)),
        };
        let link_key: Vec<u8> = sqlx::query_scalar("SELECT link_key FROM platform")
            .fetch_one(self.world.db().pool())
            .await
            .unwrap();
        let quote = cyxwiz_server::jobs::QuoteKey(&link_key).sign(&quoted, &parsed);
        let file = v1::FileInfo {
            path: "train.py".to_owned(),
            size: SCRIPT.len() as u64,
            sha256: sha256(SCRIPT).to_vec(),
            ..Default::default()
        };
        let request = v1::CreateJobRequest {
            spec: spec.into(),
            quote: quote.into(),
            files: vec![file],
            idempotency_key: key.to_owned(),
            ..Default::default()
        };
        let job = self.jobs().create_job(request).await.unwrap().into_owned().job.into_option().unwrap();
        self.upload(&job).await;
        let open_signature = self.fund(&job).await;
        let request = v1::QueueJobRequest { job_id: job.id, open_signature, ..Default::default() };
        self.jobs().queue_job(request).await.unwrap().into_owned().job.into_option().unwrap()
    }

    /// Waits until the newest row of a kind is in a state.
    pub(crate) async fn wait_for_rows(&self, id: &str, kind: &str, state: &str) {
        let job: JobId = id.parse().unwrap();
        let start = tokio::time::Instant::now();
        loop {
            let found: Option<String> = sqlx::query_scalar(
                "SELECT state FROM outbox WHERE job_id = $1 AND kind = $2 ORDER BY id DESC LIMIT 1",
            )
            .bind(cyxwiz_server::db::DbId::uuid(&job))
            .bind(kind)
            .fetch_optional(self.world.db().pool())
            .await
            .unwrap();
            if found.as_deref() == Some(state) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "the {kind} is {found:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
