use clap::Args;
use cyxwiz_model::{HourlyPrice, JobState, Money};
use cyxwiz_proto::state_of;
use cyxwiz_proto::v1::{Attempt, Job};
use solana_signer::Signer as _;

use crate::args::OneJob;
use crate::context::Context;
use crate::error::CliError;
use crate::server::plain;
use crate::{jobs, output, shown, watch};

#[derive(Args)]
pub(crate) struct Verb {
    #[command(flatten)]
    job: OneJob,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), CliError> {
    let id = verb.job.id()?;
    let buyer = context.buyer(context.keypair()?.pubkey())?;
    let job = buyer.job(id.to_string()).await?;
    if context.json() {
        return output::json(&shown::job(&job));
    }
    for text in lines(&job) {
        output::line(text)?;
    }
    Ok(())
}

fn lines(job: &Job) -> Vec<String> {
    let mut lines = vec![format!("{}  {}", job.id, jobs::words(job))];
    let mut say = |label: &str, text: String| {
        if !text.is_empty() {
            lines.push(format!("{label:<10}{text}"));
        }
    };
    if let Some(spec) = job.spec.as_option() {
        say("name", plain(&spec.name));
    }
    say("created", output::when(job.created_at.as_option()));
    say("waits", plain(&job.waiting_because));
    if let Some(quote) = job.quote.as_option() {
        say("price", HourlyPrice(quote.micro_usd_per_hour).to_string());
    }
    if let Some((terms, coin)) =
        job.terms.as_option().and_then(|terms| Some((terms, cyxwiz_proto::coin_of(terms.coin)?)))
    {
        let money = |base_units| Money::new(coin, base_units);
        say("deposit", format!("{}, at most {}", money(terms.deposit), money(terms.limit)));
    }
    say("opened", plain(&job.open_signature));
    for attempt in &job.attempts {
        say("attempt", self::attempt(attempt));
    }
    if job.dispute_until.is_set() {
        say("dispute", format!("until {}", output::when(job.dispute_until.as_option())));
    }
    if state_of(job.state).is_some_and(JobState::is_terminal) {
        lines.extend(watch::report(job).into_iter().skip(1));
    }
    lines
}

fn attempt(attempt: &Attempt) -> String {
    let mut text = format!("{} on {}", attempt.epoch, plain(&attempt.node_id));
    for (label, at) in [("started", &attempt.started_at), ("ended", &attempt.ended_at)] {
        if at.is_set() {
            text.push_str(&format!(", {label} {}", output::when(at.as_option())));
        }
    }
    if let Some(ending) = attempt.ending.as_option() {
        text.push_str(&format!(", {}", plain(&ending.reason).replace('_', " ")));
    }
    if !attempt.trace_id.is_empty() {
        text.push_str(&format!(", trace {}", plain(&attempt.trace_id)));
    }
    text
}
