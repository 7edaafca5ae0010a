//! A chain, a world with servers on it, and a buyer. What he orders stands in `orders`, what the books say in `books`.

use std::time::Duration;

use connectrpc::client::{ClientConfig, HttpClient};
use cyxwiz_chain::{Coin, Contract, Courier, Journal, Money, Policy, Rpc, Signed};
use cyxwiz_model::{Moment, Span};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::{JobServiceClient, PaymentServiceClient};
use cyxwiz_server::config::Settings;
use serde_json::json;
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use super::devnet::Devnet;
use crate::support::World;

/// A condition that does not come in this time never comes.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A chain, a world with servers on it, and a buyer.
pub(crate) struct Bazaar {
    pub(crate) devnet: Devnet,
    pub(crate) world: World,
    pub(crate) rpc: Rpc,
    pub(crate) contract: Contract,
    pub(crate) wallet: Keypair,
    pub(crate) token: String,
    /// What its calls are part of; empty for nothing.
    pub(crate) traceparent: String,
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

    /// With a USDC in the buyer's balance.
    pub(crate) async fn funded() -> Self {
        let bazaar = Self::open().await;
        bazaar.deposit(Coin::Usdc, 1_000_000).await;
        bazaar
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
        let traceparent = String::new();
        let bazaar = Self { devnet, world, rpc, contract, wallet, token, traceparent };
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
        let config = self.config(0, &self.token);
        let config = match self.traceparent.as_str() {
            "" => config,
            traceparent => config.with_default_header("traceparent", traceparent),
        };
        JobServiceClient::new(Self::transport(), config)
    }

    pub(crate) fn payments(&self) -> PaymentServiceClient<HttpClient> {
        PaymentServiceClient::new(Self::transport(), self.config(0, &self.token))
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
