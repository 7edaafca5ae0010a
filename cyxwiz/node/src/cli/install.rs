//! `cyxwiz-node install`: makes the node, or changes it by the flags that are given.

use serde_json::json;

use super::{Context, at, systemd};
use crate::agent::{enrolment, run_due_benchmark};
use crate::args::InstallArgs;
use crate::config::{self, Config, ConfigError};
use crate::containers::Containers;
use crate::error::CliError;
use crate::identity::Identity;
use crate::machine::{Gpus, Machine};
use crate::output;

pub(super) async fn run(args: &InstallArgs, context: &Context) -> Result<(), CliError> {
    let home = &context.home;
    home.create()?;
    let machine = Machine::detect(home.path(), Gpus::detect().list());
    let config = configure(args, context, &machine)?;
    let identity = Identity::load_or_create(&home.identity())?.address();
    config.save(&home.config())?;
    if !context.json {
        output::line(format_args!("identity  {identity}"))?;
        output::line(format_args!("settings  {}", home.config().display()))?;
    }
    let node = if args.offline { None } else { Some(enrol(&config, context, &machine).await?) };
    let service = if args.no_service { None } else { systemd::install(home)? };
    if context.json {
        return output::json(&json!({
            "identity": identity, "config": home.config(), "node": node, "service": service,
        }));
    }
    match service {
        Some(unit) => output::line(format_args!("service   {unit}, started; see `cyxwiz-node status`")),
        None => output::line("start it with `cyxwiz-node run`"),
    }
}

/// The flags over what there is, that over the defaults.
fn configure(args: &InstallArgs, context: &Context, machine: &Machine) -> Result<Config, CliError> {
    let path = context.home.config();
    let mut config = if path.exists() {
        Config::load(&path)?
    } else {
        let name: String = machine.host.chars().filter(|c| !c.is_control()).take(64).collect();
        Config::new(name, String::new())
    };
    if let Some(server) = &args.server {
        server.trim_end_matches('/').clone_into(&mut config.server);
    }
    if let Some(ca) = &args.tls_ca {
        // the service runs elsewhere than the shell that installs it
        let ca = std::path::absolute(ca).map_err(|source| CliError::file("find", ca, source))?;
        config.tls_ca = Some(ca);
    }
    if let Some(wallet) = &args.wallet {
        config.payout_wallet.clone_from(wallet);
    }
    if let Some(name) = &args.name {
        config.name.clone_from(name);
    }
    if let Some(price) = &args.min_price {
        config.min_micro_usd_per_hour = config::price(price)?;
    }
    if let Some(availability) = &args.availability {
        config.availability.clone_from(availability);
    }
    config.cpu_slots = args.cpu_slots.unwrap_or(config.cpu_slots);
    if let Some(cpus) = args.cpus {
        config.cpu_milli = Some(milli(cpus)?);
    }
    config.memory_mib = args.memory.or(config.memory_mib);
    config.disk_mib = args.disk.or(config.disk_mib);
    if args.no_containers {
        config.containers = false;
    }
    if args.container_socket.is_some() {
        config.container_socket.clone_from(&args.container_socket);
        config.containers = true;
    }
    if let Some(index) = &args.package_index {
        config.package_index = Some(index.parse().map_err(ConfigError::Index)?);
    }
    config.check()?;
    Ok(config)
}

fn milli(cpus: f64) -> Result<u32, ConfigError> {
    let milli = (cpus * 1000.0).round();
    let fits = (100.0..=1_024_000.0).contains(&milli);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
    let whole = milli as u32;
    if fits { Ok(whole) } else { Err(ConfigError::Little { field: "cpus", least: "0.1" }) }
}

/// Enrols, and answers the benchmark where one is due.
async fn enrol(config: &Config, context: &Context, machine: &Machine) -> Result<String, CliError> {
    let server = context.server(config)?;
    let described = Containers::look(config).await;
    if !context.json && described.0.is_empty() {
        output::line("engine    none: this node takes Wasm programs alone")?;
    }
    let request = enrolment(config, machine, &described.0, &described.1)?;
    let cpu_milli = request.hardware.as_option().map_or(1000, |hardware| hardware.cpu_milli);
    let answer = server.enrol(request).await.map_err(at(config))?;
    let node = answer.node.into_option().unwrap_or_default();
    if !context.json {
        output::line(format_args!("node      {}", node.id))?;
    }
    if let Some(due) = answer.benchmark.into_option() {
        if !context.json {
            output::line("computes the benchmark that the server asks for")?;
        }
        let answer =
            run_due_benchmark(&server, due, cpu_milli, machine.gpus.clone()).await.map_err(at(config))?;
        if !answer.confirmed {
            return Err(CliError::NotConfirmed(answer.message));
        }
    }
    Ok(node.id)
}
