//! `cyxwiz results`: what a job made, fetched whole or not at all.
//!
//! ```text
//! ListResults ─► names checked ─► part file (goes on where it was cut) ─► digest ─► its place, by rename
//! events ─► _cyxwiz/stdout.log, stderr.log, metrics.jsonl        job ─► _cyxwiz/job.json
//! ```

mod fetch;
mod record;

use std::path::PathBuf;

use clap::Args;
use cyxwiz_model::FilePath;
use cyxwiz_proto::v1::{FileLink, ListResultsRequest};
use serde_json::json;
use solana_signer::Signer as _;

use fetch::{Output, fetch};

use crate::args::OneJob;
use crate::context::Context;
use crate::error::CliError;
use crate::output;
use crate::server::{Buyer, plain};

/// Where they go, below the folder in which one is.
const RESULTS: &str = "results";

#[derive(Args)]
pub(crate) struct Verb {
    #[command(flatten)]
    job: OneJob,
    /// Only these files, or files below these folders
    paths: Vec<String>,
    /// Folder to put them into [default: ./results/JOB]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Only say what there is
    #[arg(short, long)]
    list: bool,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), CliError> {
    let id = verb.job.id()?.to_string();
    let buyer = context.buyer(context.keypair()?.pubkey())?;
    let dir = verb.to.clone().unwrap_or_else(|| PathBuf::from(RESULTS).join(&id));
    let outputs = match list(&buyer, &id).await {
        // what it said was the buyer's from the first line on
        Err(CliError::Withheld { job, because, .. }) if !verb.list => {
            if verb.to.is_none() {
                record::leave_out(&PathBuf::from(RESULTS))?;
            }
            let logs = record::write(&buyer, &id, &dir, &[]).await?;
            return Err(CliError::Withheld { job, because, logs });
        }
        outputs => outputs?,
    };
    let below = |path: &str, wanted: &String| {
        let rest = path.strip_prefix(wanted.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let chosen: Vec<Output> = outputs
        .into_iter()
        .filter(|file| verb.paths.is_empty() || verb.paths.iter().any(|path| below(file.path.as_str(), path)))
        .collect();
    if verb.list {
        return show(&chosen, context);
    }
    if verb.to.is_none() {
        record::leave_out(&PathBuf::from(RESULTS))?;
    }
    let fetched = tokio::select! {
        fetched = fetch(&buyer, &id, &chosen, &dir) => fetched?,
        _ = tokio::signal::ctrl_c() => return Err(CliError::Interrupted),
    };
    if verb.paths.is_empty() {
        record::write(&buyer, &id, &dir, &chosen).await?;
    }
    if context.json() {
        let files: Vec<_> = chosen.iter().map(for_programs).collect();
        return output::json(&json!({ "dir": dir.display().to_string(), "files": files }));
    }
    output::line(dir.display())?;
    let s = if chosen.len() == 1 { "" } else { "s" };
    let bytes = output::size(chosen.iter().map(|file| file.size).sum());
    talk!("{} file{s}, {bytes}, digests checked ({} fetched now)", chosen.len(), fetched);
    Ok(())
}

/// The outputs with names that are safe to write.
async fn list(buyer: &Buyer, job: &str) -> Result<Vec<Output>, CliError> {
    let request = ListResultsRequest { job_id: job.to_owned(), ..Default::default() };
    let answer = buyer.results(request).await?;
    if answer.files.is_empty() && !answer.withheld_because.is_empty() {
        return Err(CliError::Withheld {
            job: job.to_owned(),
            because: plain(&answer.withheld_because),
            logs: None,
        });
    }
    answer.files.into_iter().map(parse).collect()
}

fn parse(link: FileLink) -> Result<Output, CliError> {
    let file = link.file.into_option().ok_or(CliError::Broken("a link without a file"))?;
    let path: FilePath =
        file.path.parse().map_err(|source| CliError::OutputName { path: plain(&file.path), source })?;
    let sha256 = file.sha256.try_into().map_err(|_| CliError::Broken("a digest that is none"))?;
    Ok(Output { path, size: file.size, sha256, url: link.url })
}

fn show(outputs: &[Output], context: &Context) -> Result<(), CliError> {
    if context.json() {
        return output::json(&outputs.iter().map(for_programs).collect::<Vec<_>>());
    }
    let mut table = output::table(["size", "sha256", "path"]);
    for file in outputs {
        table.add_row([output::size(file.size), hex::encode(file.sha256), file.path.to_string()]);
    }
    output::print(&table)
}

fn for_programs(file: &Output) -> serde_json::Value {
    json!({ "path": file.path.as_str(), "size": file.size, "sha256": hex::encode(file.sha256) })
}
