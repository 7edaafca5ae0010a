use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use vyr_sdk::{Client, Endpoint, EndpointError};

use crate::{
    args::{Format, Global},
    error::CliError,
};

/// What every verb needs: where the node is, and how to print.
pub(crate) struct Context {
    pub(crate) format: Format,
    /// None where nothing names a folder: not every verb needs one.
    home: Option<PathBuf>,
    global: Global,
    runtime: OnceLock<tokio::runtime::Runtime>,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            home: global.home.clone().or_else(|| vyr_sdk::default_home().ok()),
            format: global.output,
            global: global.clone(),
            runtime: OnceLock::new(),
        }
    }

    /// Returns the folder in which the node keeps everything.
    pub(crate) fn home(&self) -> Result<&Path, CliError> {
        Ok(self.home.as_deref().ok_or(EndpointError::NoHome)?)
    }

    /// Tells whether a node was named, which then counts alone.
    pub(crate) fn names_node(&self) -> bool {
        self.global.node.is_some()
    }

    /// Tells whether a token's file was named.
    pub(crate) fn names_token(&self) -> bool {
        self.global.token_file.is_some()
    }

    /// Returns the file of the token for TCP, where a home or a name for it is known.
    pub(crate) fn token_file(&self) -> Option<PathBuf> {
        self.global.token_file.clone().or_else(|| Some(self.home.as_ref()?.join("token")))
    }

    /// Refuses a verb that works on the home's own files where another node was named.
    pub(crate) fn only_at_home(&self, verb: &str) -> Result<(), CliError> {
        let own = Endpoint::local(self.home()?);
        if !self.names_node() || self.endpoint().is_ok_and(|named| named == own) {
            return Ok(());
        }
        Err(CliError::Usage(format!(
            "`vyr {verb}` works on the files of its own home, not by --node or VYR_NODE: run it on the node's machine, \
             with the node's --home"
        )))
    }

    pub(crate) fn json(&self) -> bool {
        self.format == Format::Json
    }

    pub(crate) fn endpoint(&self) -> Result<Endpoint, CliError> {
        let Some(text) = &self.global.node else { return Ok(Endpoint::local(self.home()?)) };
        // a home is looked for where the token of TCP is to be found in it
        let token = self.global.token_file.as_deref();
        let no_home = token.is_some() || !text.starts_with("http");
        let home = if no_home { Path::new("") } else { self.home()? };
        Ok(Endpoint::parse(text, home, token)?)
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

impl Drop for Context {
    fn drop(&mut self) {
        // a write to a reader that stands still may never return
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
