use clap::Args;
use cyxwiz_proto::v1::DisputeJobRequest;
use serde_json::json;
use solana_signer::Signer as _;

use crate::args::OneJob;
use crate::context::Context;
use crate::error::CliError;
use crate::server::plain;
use crate::{output, shown};

#[derive(Args)]
pub(crate) struct Verb {
    #[command(flatten)]
    job: OneJob,
    /// What is wrong with the result
    reason: String,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), CliError> {
    let id = verb.job.id()?;
    let buyer = context.buyer(context.keypair()?.pubkey())?;
    let request = DisputeJobRequest { job_id: id.to_string(), reason: verb.reason, ..Default::default() };
    let answer = buyer.dispute(request).await?;
    if context.json() {
        return output::json(&json!({
            "job": answer.job.as_option().map(shown::job), "evidence": answer.evidence, "upheld": answer.upheld,
        }));
    }
    for line in &answer.evidence {
        output::line(plain(line))?;
    }
    let decision =
        if answer.upheld { "upheld: everything comes back" } else { "not upheld: the job is settled" };
    output::line(format!("{id}: {decision}"))
}
