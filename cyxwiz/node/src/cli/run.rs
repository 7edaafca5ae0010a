//! `cyxwiz-node run`: the agent, in the foreground.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use vyr_node::Executor;
use vyr_telemetry::logs::{self, LogFormat};

use super::Context;
use crate::agent::{Agent, Tools};
use crate::args::{Log, RunArgs};
use crate::config::{Config, ConfigError};
use crate::containers::Containers;
use crate::error::CliError;
use crate::fabric::Fabric;
use crate::files::public_client;
use crate::identity::Identity;
use crate::journal::Journal;
use crate::machine::{Gpus, Machine};
use crate::packages::PackageIndex;
use crate::server::Server;
use crate::trace::Export;

pub(super) async fn run(args: &RunArgs, context: &Context) -> Result<(), CliError> {
    let format = match args.log_format {
        Log::Human => LogFormat::Human,
        Log::Json => LogFormat::Json,
    };
    logs::init(format, args.log.as_deref()).map_err(|error| std::io::Error::other(error.to_string()))?;
    // before anything else: a signal during the start counts
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let config = context.config()?;
    let home = &context.home;
    home.create()?;
    let _lock = home.lock()?;
    let server = Server::new(&config.server, config.tls_ca.as_deref(), Identity::load(&home.identity())?)?;
    let gpus = Gpus::detect();
    let machine = Machine::detect(home.path(), gpus.list());
    let slots = usize::try_from(config.cpu_slots).unwrap_or(1) + machine.gpus.len();
    let identity = Identity::load(&home.identity())?.address();
    let containers = Containers::start(&config, &identity).await;
    let executors = containers.iter().map(|containers| Box::new(containers.executor()) as Box<dyn Executor>);
    let export = Export::start(args.otlp_endpoint.clone(), &identity)?;
    let endpoint = args.otlp_endpoint.clone();
    let (fabric, node) = Fabric::start(home, slots, executors.collect(), endpoint).await?;
    let (stop, stopped) = watch::channel(false);
    let vyr = tokio::spawn(node.run(async move {
        let mut stopped = stopped;
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    let journal = Arc::new(Journal::open(&home.journal())?);
    let public = public_client()?;
    let tools = Tools {
        home: home.clone(),
        journal,
        server,
        fabric,
        containers: containers.clone(),
        package_index: package_index(&config)?,
        public,
        machine,
        gpus,
        spans: export.handle.clone(),
    };
    let agent = Agent::start(Arc::new(tools), config).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), home = %home.path().display(), "the agent is ready");
    agent
        .run(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await;
    let _ = stop.send(true);
    if let Err(error) = vyr.await {
        tracing::error!(%error, "the embedded VYR node did not end well");
    }
    if let Some(containers) = containers {
        containers.sweep().await;
    }
    export.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// The file's, else the environment's.
fn package_index(config: &Config) -> Result<Option<PackageIndex>, ConfigError> {
    let named = std::env::var("PIP_INDEX_URL").ok().filter(|url| !url.is_empty());
    match (&config.package_index, named) {
        (Some(index), _) => Ok(Some(index.clone())),
        (None, named) => Ok(named.map(|url| url.parse()).transpose()?),
    }
}
