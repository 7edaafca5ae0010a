use std::path::PathBuf;

use clap::Args;
use solana_signer::Signer as _;

use crate::context::Context;
use crate::error::CliError;
use crate::folder::{self, Flags};
use crate::server::Platform;
use crate::submit::{digests, estimate, plan, price};
use crate::{output, shown};

#[derive(Args)]
pub(crate) struct Verb {
    /// The job: a folder, a .py or a .wasm file
    target: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

/// Like a submit up to the question; nothing is kept, sent or signed.
pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), CliError> {
    let mut job = folder::read(&verb.target, &verb.flags)?;
    let buyer = context.buyer(context.keypair()?.pubkey())?;
    let files = digests(std::mem::take(&mut job.files)).await?;
    Platform::ask(&buyer.server).await?.on(&buyer.server, context.cluster())?;
    let said = estimate(&buyer, &job.spec).await?;
    let (deposit, limit) = price(&said, &job)?;
    if context.json() {
        return output::json(&shown::estimate(&said, deposit, limit));
    }
    for text in
        plan::job(&job.spec, &files).into_iter().chain(plan::estimate(&said, &job.spec, deposit, limit))
    {
        output::line(text)?;
    }
    Ok(())
}
