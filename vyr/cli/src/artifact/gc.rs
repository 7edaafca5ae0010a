use std::{
    process::ExitCode,
    time::{Duration, SystemTime},
};

use vyr_model::Digest;
use vyr_node::Home;

use super::local;
use crate::{context::Context, error::CliError, output, terminal::say};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Artifacts to remove first: digests, or unique beginnings
    #[arg(long, value_name = "DIGEST")]
    remove: Vec<String>,
    /// Keep blobs that are younger
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "24h")]
    min_age: Duration,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<ExitCode, CliError> {
    let store = local::open_store(context)?;
    for text in &args.remove {
        let digest = local::resolve(text, context)?;
        let digest: Digest = digest.parse().map_err(|_| CliError::Usage(format!("`{text}` is no digest")))?;
        store.remove(&digest)?;
        say(format_args!("removed {digest}"));
    }
    let in_use = vyr_telemetry::record::blobs_in_use(&Home::new(context.home()?).record())?;
    let report = store.gc(in_use, args.min_age, SystemTime::now())?;
    if context.json() {
        output::json(&serde_json::json!({
            "removed": report.removed, "freedBytes": report.freed_bytes, "kept": report.kept,
        }))?;
    } else {
        let freed = output::size(report.freed_bytes);
        output::line(format_args!("removed {} blobs ({freed}), kept {}", report.removed, report.kept))?;
    }
    Ok(ExitCode::SUCCESS)
}
