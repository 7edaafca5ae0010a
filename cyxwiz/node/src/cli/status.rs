//! `cyxwiz-node status`: this machine, this node, and the server's view of both.

use cyxwiz_proto::v1;
use serde_json::json;

use super::Context;
use crate::error::CliError;
use crate::home::Home;
use crate::identity::Identity;
use crate::journal::{Journal, Step};
use crate::machine::{Gpus, Machine};
use crate::output;
use crate::server::Fault;

pub(super) async fn run(context: &Context) -> Result<(), CliError> {
    let config = context.config()?;
    let home = &context.home;
    let identity = Identity::load(&home.identity())?.address();
    let machine = Machine::detect(home.path(), Gpus::detect().list());
    let running = home.lock().is_err();
    let attempts = attempts(home)?;
    let server = context.server(&config)?;
    let known: Result<v1::Node, Fault> = server
        .node(v1::GetNodeRequest::default())
        .await
        .map(|answer| answer.node.into_option().unwrap_or_default());
    let offered = machine.offered(&config, "", &[]);
    if context.json {
        let gpus: Vec<_> = offered.gpus.iter().map(|gpu| json!({ "uuid": gpu.uuid, "model": gpu.model, "type": gpu.gpu_type, "vram_mib": gpu.vram_mib })).collect();
        let server = match &known {
            Ok(node) => {
                json!({ "node": node.id, "available": node.available, "because": node.unavailable_because, "running": node.running, "banned": node.banned })
            }
            Err(fault) => json!({ "error": fault.to_string() }),
        };
        let attempts: Vec<_> =
            attempts.iter().map(|(id, step)| json!({ "attempt": id, "step": step })).collect();
        return output::json(&json!({
            "name": config.name, "identity": identity, "payout_wallet": config.payout_wallet,
            "home": home.path(), "server_url": config.server, "agent_running": running,
            "availability": config.availability, "paused": config.paused,
            "min_micro_usd_per_hour": config.min_micro_usd_per_hour, "cpu_slots": config.cpu_slots,
            "hardware": { "cpu": offered.cpu_model, "cpu_milli": offered.cpu_milli, "memory_mib": offered.memory_mib,
                "disk_mib": offered.disk_mib, "os": offered.os, "gpus": gpus },
            "server": server, "attempts": attempts,
        }));
    }
    let paused = if config.paused { " (paused)" } else { "" };
    output::line(format_args!("node      {} {}", config.name, identity))?;
    output::line(format_args!("paid to   {}", config.payout_wallet))?;
    output::line(format_args!(
        "agent     {}",
        if running { "runs" } else { "does not run: start it with `cyxwiz-node run`" }
    ))?;
    output::line(format_args!(
        "takes     {}{paused}, from {} on, {} processor jobs at once",
        config.availability,
        config.min_price(),
        config.cpu_slots
    ))?;
    output::line(format_args!(
        "offers    {} × {}, {} MiB of memory, {} MiB of disk",
        milli(offered.cpu_milli),
        offered.cpu_model,
        offered.memory_mib,
        offered.disk_mib
    ))?;
    for gpu in &offered.gpus {
        output::line(format_args!("          {} ({}), {} MiB", gpu.model, gpu.gpu_type, gpu.vram_mib))?;
    }
    if offered.gpus.is_empty() {
        output::line("          no GPU")?;
    }
    match known {
        Ok(node) if node.banned => output::line(format_args!("server    {}: banned", config.server))?,
        Ok(node) if node.available => {
            output::line(format_args!("server    {}: gets work, {} running", config.server, node.running))?
        }
        Ok(node) => output::line(format_args!(
            "server    {}: gets no work: {}",
            config.server, node.unavailable_because
        ))?,
        Err(fault) => output::line(format_args!("server    {}: {fault}", config.server))?,
    }
    for (id, step) in attempts {
        output::line(format_args!("attempt   {id} {step}"))?;
    }
    Ok(())
}

fn milli(milli: u32) -> String {
    let text = format!("{:.1}", f64::from(milli) / 1000.0);
    text.trim_end_matches(".0").to_owned()
}

fn attempts(home: &Home) -> Result<Vec<(String, &'static str)>, CliError> {
    if !home.journal().exists() {
        return Ok(Vec::new());
    }
    let unfinished = Journal::open(&home.journal())?.unfinished();
    let unfinished = unfinished.map_err(|error| std::io::Error::other(error.to_string()))?;
    let words = unfinished.into_iter().map(|kept| {
        let step = match kept.step {
            Step::Preparing => "prepares",
            Step::Running => "runs",
            Step::Publishing => "uploads",
        };
        (kept.id.to_string(), step)
    });
    Ok(words.collect())
}
