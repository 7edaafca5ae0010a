use std::{future::Future, path::PathBuf, sync::OnceLock};

use vyr_sdk::{Client, Endpoint};

use crate::{
    args::{Format, Global},
    error::CliError,
};

/// What every verb needs: where the node is, and how to print.
pub(crate) struct Context {
    pub(crate) home: PathBuf,
    pub(crate) format: Format,
    global: Global,
    runtime: OnceLock<tokio::runtime::Runtime>,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            home: global.home.clone().unwrap_or_else(vyr_sdk::default_home),
            format: global.output,
            global: global.clone(),
            runtime: OnceLock::new(),
        }
    }

    /// Tells whether the node meant is the one of our own home.
    pub(crate) fn is_local(&self) -> bool {
        self.global.node.is_none()
    }

    pub(crate) fn json(&self) -> bool {
        self.format == Format::Json
    }

    pub(crate) fn endpoint(&self) -> Result<Endpoint, CliError> {
        match &self.global.node {
            Some(text) => Ok(Endpoint::parse(text, &self.home, self.global.token_file.as_deref())?),
            None => Ok(Endpoint::local(&self.home)),
        }
    }

    pub(crate) fn client(&self) -> Result<Client, CliError> {
        Ok(Client::new(self.endpoint()?, self.global.tls_ca.as_ref())?)
    }

    /// Runs `work` to its end on one thread.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
        let runtime = match self.runtime.get() {
            Some(runtime) => runtime,
            None => {
                let made = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                self.runtime.get_or_init(|| made)
            }
        };
        runtime.block_on(work)
    }
}
