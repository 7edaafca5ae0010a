//! The draft at the server: the one that an earlier command began, or a new one at a price that a person agreed to.

use cyxwiz_chain::Money;
use cyxwiz_proto::v1::{
    CreateJobRequest, CreateJobResponse, EstimateJobRequest, EstimateJobResponse, FileInfo, JobState, Quote,
    Reason,
};
use solana_signer::Signer as _;

use buffa::Message as _;

use super::begun::{Begun, Record};
use super::{Funding, Submit, escrow, plan, terms};
use crate::ask;
use crate::error::CliError;
use crate::folder::JobError;
use crate::server::{PlatformError, moment};

/// A quote that ends within this time is asked for anew, ms.
const SOON: i64 = 10_000;

impl Submit {
    /// What an earlier command began, if the server still knows it.
    pub(super) async fn resume(
        &self,
        begun: &Begun,
    ) -> Result<Option<(Record, CreateJobResponse)>, CliError> {
        let Some(record) = begun.record.clone() else { return Ok(None) };
        match self.create(&record).await {
            Ok(answer) if ended(&answer) => {
                begun.forget()?;
                Ok(None)
            }
            Ok(answer) => {
                let id = answer.job.as_option().map(|job| job.id.clone()).unwrap_or_default();
                talk!("going on with {id}, which an earlier command began");
                Ok(Some((record, answer)))
            }
            // it never came to be, and cannot any more
            Err(CliError::Server(error)) if error.reason().is_some_and(never) => {
                begun.forget()?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Shows, asks, keeps the key, makes the draft.
    pub(super) async fn begin(
        &self,
        begun: &Begun,
        yes: bool,
    ) -> Result<(Record, CreateJobResponse, Funding), CliError> {
        if self.platform.said.paused {
            let server = self.buyer.server.origin.to_string();
            return Err(PlatformError::Paused { server }.into());
        }
        let mut estimate = self.estimate().await?;
        let (quote, mut deposit, mut limit) = self.price(&estimate)?;
        for line in plan::job(&self.job.spec, &self.files) {
            talk!("{line}");
        }
        for line in plan::estimate(&estimate, &self.job.spec, deposit, limit) {
            talk!("{line}");
        }
        escrow::config(&self.chain).await?;
        let free = escrow::affordable(&self.chain, self.keypair.pubkey(), deposit).await?;
        talk!("balance   {free} free for jobs");
        ask::confirm("submit?", yes).await?;
        let mut agreed = quote;
        loop {
            let ends = agreed.expires_at.as_option().map_or(0, |at| moment(at).0);
            if ends > self.platform.now().0.saturating_add(SOON) {
                break;
            }
            // a person may take his time; another price is another question
            estimate = self.estimate().await?;
            let (fresh, fresh_deposit, fresh_limit) = self.price(&estimate)?;
            let same = fresh.base_units_per_hour == agreed.base_units_per_hour;
            (agreed, deposit, limit) = (fresh, fresh_deposit, fresh_limit);
            if same {
                break;
            }
            for line in plan::estimate(&estimate, &self.job.spec, deposit, limit) {
                talk!("{line}");
            }
            ask::confirm("the price has changed; submit?", yes).await?;
        }
        let record = Record {
            key: key()?,
            quote: hex::encode(agreed.encode_to_vec()),
            deposit: deposit.amount.0,
            limit: limit.amount.0,
        };
        begun.keep(&record)?;
        match self.create(&record).await {
            Ok(answer) => {
                let funding = self.funding(&answer, &record).await?;
                Ok((record, answer, funding))
            }
            Err(CliError::Server(error)) if error.reason().is_some() => {
                begun.forget()?;
                Err(error.into())
            }
            Err(error) => Err(error),
        }
    }

    /// The very same request each time, so that the key stands for it.
    pub(super) async fn create(&self, record: &Record) -> Result<CreateJobResponse, CliError> {
        let quote = hex::decode(&record.quote).ok().and_then(|bytes| Quote::decode_from_slice(&bytes).ok());
        let info = |file: &crate::folder::Digested| FileInfo {
            path: file.file.path.to_string(),
            size: file.file.size,
            sha256: file.sha256.to_vec(),
            ..Default::default()
        };
        let request = CreateJobRequest {
            spec: cyxwiz_proto::v1::JobSpec::from(&self.job.spec).into(),
            quote: quote.unwrap_or_default().into(),
            files: self.files.iter().map(info).collect(),
            deposit: record.deposit,
            limit: record.limit,
            idempotency_key: record.key.clone(),
            ..Default::default()
        };
        self.buyer.create(request).await
    }

    async fn estimate(&self) -> Result<EstimateJobResponse, CliError> {
        estimate(&self.buyer, &self.job.spec).await
    }

    /// The quote, and what is set aside by it.
    fn price(&self, said: &EstimateJobResponse) -> Result<(Quote, Money, Money), CliError> {
        let (deposit, limit) = price(said, &self.job)?;
        let quote = said.quote.as_option().ok_or(CliError::Broken("an offer without a price"))?;
        Ok((quote.clone(), deposit, limit))
    }
}

/// Asks what it costs; says what comes nearest where nothing matches.
pub(crate) async fn estimate(
    buyer: &crate::server::Buyer,
    spec: &cyxwiz_model::JobSpec,
) -> Result<EstimateJobResponse, CliError> {
    let request =
        EstimateJobRequest { spec: cyxwiz_proto::v1::JobSpec::from(spec).into(), ..Default::default() };
    let said = buyer.estimate(request).await?;
    if said.quote.is_set() {
        return Ok(said);
    }
    let because = if said.no_match.is_empty() { "no node offers it now" } else { said.no_match.as_str() };
    for line in plan::near_misses(&said) {
        talk!("{line}");
    }
    Err(CliError::NoMatch { because: because.trim_end_matches('.').to_owned() })
}

/// What is set aside, and up to how much.
pub(crate) fn price(
    said: &EstimateJobResponse,
    job: &crate::folder::JobFolder,
) -> Result<(Money, Money), CliError> {
    let quote = said.quote.as_option().ok_or(CliError::Broken("an offer without a price"))?;
    let rate = terms::rate(quote, &job.spec)?;
    let whole = rate.deposit(job.spec.timeout).map_err(|_| terms::TermsError::NoRate)?;
    let deposit = job.budget.deposit.unwrap_or(Money { coin: rate.coin, amount: whole });
    let limit = job.budget.limit.unwrap_or(deposit);
    if limit.amount < deposit.amount {
        return Err(JobError::LimitBelowDeposit { deposit, limit }.into());
    }
    Ok((deposit, limit))
}

fn ended(answer: &CreateJobResponse) -> bool {
    let state = answer.job.as_option().and_then(|job| job.state.as_known());
    matches!(state, Some(JobState::Cancelled | JobState::Refunded | JobState::Refunding))
}

fn never(reason: Reason) -> bool {
    use Reason as R;
    matches!(reason, R::REASON_QUOTE_EXPIRED | R::REASON_IDEMPOTENCY_CONFLICT | R::REASON_NOT_FOUND)
}

/// Nobody else's, never used before.
fn key() -> Result<String, CliError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| CliError::Broken("no randomness"))?;
    Ok(hex::encode(bytes))
}
