//! `cyxwiz watch`: a job's states, output, progress and cost as they come, from whichever point on.
//!
//! ```text
//! WatchJob ─► follow (nothing missing, nothing twice, over any number of connections) ─► Screen | JSON lines
//!                └─ terminal ─► GetJob ─► ended: why, who paid, exit code
//! ```

mod ended;
mod follow;
mod screen;

use std::process::ExitCode;

use clap::Args;
use solana_signer::Signer as _;

pub(crate) use ended::report;
pub(crate) use follow::{follow, replay};

use crate::args::OneJob;
use crate::context::Context;
use crate::error::CliError;

#[derive(Args)]
pub(crate) struct Verb {
    #[command(flatten)]
    job: OneJob,
    /// Only what came after this event; each has a number in `-o json`
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let id = verb.job.id()?.to_string();
    let buyer = context.buyer(context.keypair()?.pubkey())?;
    follow(&buyer, &id, verb.after, context).await
}
