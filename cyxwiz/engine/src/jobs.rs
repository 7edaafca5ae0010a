use clap::Args;
use cyxwiz_model::{JobState, Money};
use cyxwiz_proto::v1::{self, Job, ListJobsRequest};
use cyxwiz_proto::{coin_of, state_of};
use serde_json::json;
use solana_signer::Signer as _;

use crate::context::Context;
use crate::error::CliError;
use crate::server::{Buyer, plain};
use crate::{output, shown};

/// A page of the server's.
const PAGE: u32 = 200;

#[derive(Args)]
pub(crate) struct Verb {
    /// Only jobs in this state; may be repeated
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<JobState>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

fn state(text: &str) -> Result<JobState, String> {
    let all = || JobState::ALL.iter().map(|state| state.word()).collect::<Vec<_>>().join(", ");
    text.parse().map_err(|error| format!("{error}: take {}", all()))
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), CliError> {
    let buyer = context.buyer(context.keypair()?.pubkey())?;
    let jobs = list(&buyer, &verb.state, verb.limit).await?;
    if context.json() {
        return output::json(&json!({ "jobs": jobs.iter().map(shown::job).collect::<Vec<_>>() }));
    }
    if jobs.is_empty() {
        talk!("no jobs yet: submit one with `cyxwiz submit ./job`");
        return Ok(());
    }
    let mut table = output::table(["job", "state", "created", "cost", "name"]);
    for job in &jobs {
        let name = job.spec.as_option().map(|spec| plain(&spec.name)).unwrap_or_default();
        table.add_row([
            job.id.clone(),
            words(job),
            output::when(job.created_at.as_option()),
            cost(job),
            name,
        ]);
    }
    output::print(&table)
}

/// As many as there are, up to a limit, newest first.
pub(crate) async fn list(buyer: &Buyer, states: &[JobState], limit: u32) -> Result<Vec<Job>, CliError> {
    let (mut jobs, mut token) = (Vec::new(), String::new());
    loop {
        let left = limit.saturating_sub(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
        let request = ListJobsRequest {
            states: states.iter().map(|state| v1::JobState::from(*state).into()).collect(),
            page_size: left.min(PAGE),
            page_token: token,
            ..Default::default()
        };
        let page = buyer.list(request).await?;
        let empty = page.jobs.is_empty();
        jobs.extend(page.jobs.into_iter().take(left as usize));
        token = page.next_page_token;
        if token.is_empty() || empty || jobs.len() >= limit as usize {
            return Ok(jobs);
        }
    }
}

/// The state, and why where it failed.
pub(crate) fn words(job: &Job) -> String {
    let state = state_of(job.state).map_or("unknown", JobState::word);
    match job.ending.as_option().map(|ending| plain(&ending.reason)) {
        Some(reason) if reason != "succeeded" && !reason.is_empty() => {
            format!("{state} ({})", reason.replace('_', " "))
        }
        _ => state.to_owned(),
    }
}

/// What was charged, or is set aside.
fn cost(job: &Job) -> String {
    let Some((cost, coin)) = job.cost.as_option().and_then(|cost| Some((cost, coin_of(cost.coin)?))) else {
        return "-".to_owned();
    };
    let money = |base_units| Money::new(coin, base_units).to_string();
    match state_of(job.state) {
        Some(JobState::Completed) => money(cost.charged),
        Some(JobState::Refunded | JobState::Refunding | JobState::Cancelled) => money(0),
        _ => format!("{} of {}", Money::new(coin, cost.charged).number(), money(cost.deposit)),
    }
}
