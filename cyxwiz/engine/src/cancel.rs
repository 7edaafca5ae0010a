use clap::Args;
use cyxwiz_chain::escrow::policy::{JobId, Stage};
use cyxwiz_model::JobState;
use cyxwiz_proto::state_of;
use cyxwiz_proto::v1::{CancelJobRequest, Job};
use solana_signer::Signer as _;

use crate::args::OneJob;
use crate::context::Context;
use crate::error::CliError;
use crate::server::Platform;
use crate::{jobs, output, shown, wallet};

#[derive(Args)]
pub(crate) struct Verb {
    #[command(flatten)]
    job: OneJob,
}

/// Asks the server to stop it. An escrow that the server never heard of is the buyer's own to take back.
pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), CliError> {
    let id = verb.job.id()?;
    let buyer = context.buyer(context.keypair()?.pubkey())?;
    let request = CancelJobRequest { job_id: id.to_string(), ..Default::default() };
    let job =
        buyer.cancel(request).await?.job.into_option().ok_or(CliError::Broken("a job without a job"))?;
    let unknown_escrow = state_of(job.state) == Some(JobState::Cancelled);
    let back = if unknown_escrow { take_back(context, &buyer.server, &id).await? } else { None };
    if context.json() {
        return output::json(&shown::job(&job));
    }
    output::line(in_words(&job))?;
    if let Some(signature) = back {
        talk!("what was set aside came back ({signature})");
    }
    Ok(())
}

/// Closes the escrow of a draft, where one is open and nobody works on it.
async fn take_back(
    context: &Context,
    server: &crate::server::Server,
    id: &cyxwiz_model::JobId,
) -> Result<Option<String>, CliError> {
    let keypair = context.keypair()?;
    let chain = context.chain().await?;
    Platform::ask(server).await?.agrees(server, &chain)?;
    wallet::finish_earlier(&chain, &keypair).await?;
    let job = JobId(*id.as_bytes());
    match chain.rpc.escrow(&chain.contract, &keypair.pubkey(), job).await? {
        Some(account) if account.escrow.stage == Stage::Open => {
            let draft = chain.contract.cancel(&account);
            let delivered =
                wallet::send(&chain, &keypair, &draft, &format!("take back the deposit of {id}")).await?;
            Ok(Some(delivered.signature.to_string()))
        }
        _ => Ok(None),
    }
}

fn in_words(job: &Job) -> String {
    let id = &job.id;
    match state_of(job.state) {
        Some(JobState::Cancelled) => format!("{id} is cancelled; nothing is charged"),
        Some(JobState::Refunding | JobState::Refunded) => format!("{id} is stopped; everything comes back"),
        Some(JobState::Completed | JobState::Settling) => {
            format!("{id} has ended already: {}", jobs::words(job))
        }
        _ => format!(
            "{id} is being stopped; what it ran is charged, outputs are delivered: `cyxwiz watch {id}`"
        ),
    }
}
