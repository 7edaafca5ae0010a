//! What a buyer orders, up to the queue.

use std::time::Duration;

use cyxwiz_chain::Coin;
use cyxwiz_chain::escrow::policy::{Amount, ConfigVersion, JobId as EscrowJob, Order, UnixTime};
use cyxwiz_model::Span;
use cyxwiz_proto::v1;
use solana_signer::Signer as _;

use super::bazaar::Bazaar;
use crate::support::sha256;

/// What the script of each job says.
pub(crate) const SCRIPT: &[u8] = b"print('hello')\n";

impl Bazaar {
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
    pub(crate) async fn cancel(&self, id: &str) -> Result<v1::Job, connectrpc::ConnectError> {
        let request = v1::CancelJobRequest { job_id: id.to_owned(), ..Default::default() };
        self.jobs().cancel_job(request).await.map(|answer| answer.into_owned().job.into_option().unwrap())
    }

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
}
