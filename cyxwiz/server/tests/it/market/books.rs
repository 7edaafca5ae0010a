//! What the chain and the tables say afterwards.

use std::collections::HashMap;
use std::time::Duration;

use cyxwiz_chain::Coin;
use cyxwiz_chain::escrow::policy::{Amount, JobId as EscrowJob};
use cyxwiz_chain::escrow::{Address, EscrowAccount};
use cyxwiz_model::JobId;
use cyxwiz_proto::v1;
use solana_signer::Signer as _;

use super::bazaar::{Bazaar, PATIENCE};

impl Bazaar {
    /// Free and locked in the buyer's balance.
    pub(crate) async fn books(&self, coin: Coin) -> (u64, u64) {
        let balance = self.rpc.balance(&self.contract, &self.wallet.pubkey(), coin).await.unwrap();
        balance.map_or((0, 0), |balance| (balance.free.0, balance.locked.0))
    }

    /// A job's escrow on the chain.
    pub(crate) async fn escrow(&self, id: &str) -> EscrowAccount {
        let job = EscrowJob(*id.parse::<JobId>().unwrap().as_bytes());
        self.rpc.escrow(&self.contract, &self.wallet.pubkey(), job).await.unwrap().unwrap()
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
