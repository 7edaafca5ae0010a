//! The verbs, a file each.

mod earnings;
mod install;
mod pause;
mod run;
mod status;
mod systemd;
mod uninstall;

use crate::args::{Cli, Command, Format, Global};
use crate::config::Config;
use crate::error::CliError;
use crate::home::Home;
use crate::identity::Identity;
use crate::server::{Fault, Server};

/// What every verb needs.
pub(crate) struct Context {
    pub(crate) home: Home,
    pub(crate) json: bool,
}

impl Context {
    fn new(global: &Global) -> Result<Self, CliError> {
        let home =
            global.home.clone().map_or_else(Home::default_path, |home| Ok(std::path::absolute(home)?))?;
        Ok(Self { home: Home::new(home), json: global.output == Format::Json })
    }

    /// The configuration of a node that was installed.
    fn config(&self) -> Result<Config, CliError> {
        if !self.home.config().exists() {
            return Err(CliError::NotInstalled(self.home.config()));
        }
        Ok(Config::load(&self.home.config())?)
    }

    /// The server, with a session that commands share.
    fn server(&self, config: &Config) -> Result<Server, CliError> {
        let identity = Identity::load(&self.home.identity())?;
        Server::of_command(&config.server, config.tls_ca.as_deref(), identity, self.home.session())
    }
}

/// Names the server in a fault.
fn at(config: &Config) -> impl FnOnce(Fault) -> CliError + use<> {
    let server = config.server.clone();
    move |fault| CliError::Server { server, fault }
}

/// Does what the command line says.
pub(crate) fn dispatch(cli: Cli) -> Result<(), CliError> {
    let context = Context::new(&cli.global)?;
    let mut builder = match cli.command {
        Command::Run(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build()?;
    let done = match cli.command {
        Command::Install(args) => runtime.block_on(install::run(&args, &context)),
        Command::Uninstall(args) => runtime.block_on(uninstall::run(&args, &context)),
        Command::Run(args) => runtime.block_on(run::run(&args, &context)),
        Command::Pause => pause::run(true, &context),
        Command::Resume => pause::run(false, &context),
        Command::Status => runtime.block_on(status::run(&context)),
        Command::Earnings(args) => runtime.block_on(earnings::run(&args, &context)),
    };
    // what still blocks must not keep the process
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}
