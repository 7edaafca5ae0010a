use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;

use super::{mounts::unmount_below, platform::Platform, process::Process};
use crate::{binary, until};

/// Time between two looks at a node's status.
const LOOK: Duration = Duration::from_millis(600);

/// A node's owner and his machine.
pub struct Seller {
    /// His agent's folder.
    pub home: PathBuf,
    /// Where he is paid.
    pub wallet: String,
    server: String,
    /// Further flags of `run`.
    pub flags: Vec<String>,
    process: Option<Process>,
}

impl Drop for Seller {
    fn drop(&mut self) {
        drop(self.process.take());
        unmount_below(&self.home);
    }
}

impl Seller {
    /// Installs an agent that asks five cents an hour, with further flags.
    #[must_use]
    pub fn install(platform: &Platform, name: &str, home: &Path, more: &[String]) -> Self {
        let wallet = platform.address("seller");
        let (home, server) = (home.to_owned(), platform.server.url.clone());
        let seller = Self { home, wallet, server, flags: Vec::new(), process: None };
        let (wallet, server) = (&seller.wallet, &seller.server);
        let docker = std::env::var("CYXWIZ_DOCKER").expect("CYXWIZ_DOCKER is not set: run `./x test`");
        let own = [
            "install",
            "--server",
            server,
            "--wallet",
            wallet,
            "--min-price",
            "0.05",
            "--name",
            name,
            "--no-service",
            "--container-socket",
            &docker,
        ];
        let args: Vec<&str> = own.into_iter().chain(more.iter().map(String::as_str)).collect();
        seller.ok(&args);
        seller
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary("CYXWIZ_NODE_BIN", "cyxwiz-node"));
        command.env("CYXWIZ_NODE_HOME", &self.home);
        command
    }

    /// What its owner types.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.command().args(args).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "cyxwiz-node {args:?}: {out}{err}");
        out.into_owned()
    }

    /// The same, as a value.
    #[must_use]
    pub fn json(&self, args: &[&str]) -> Value {
        let text = self.ok(&[args, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// The agent's number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Sends the agent a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.as_ref().unwrap().signal(signal);
    }

    /// What the `vyr` command says of the node within.
    pub fn vyr(&self, args: &[&str]) -> String {
        let mut command = Command::new(binary("VYR_BIN", "vyr"));
        let output = command.env("VYR_HOME", self.home.join("vyr")).args(args).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "vyr {args:?}: {out}{err}");
        out.into_owned()
    }

    /// Starts the agent.
    pub fn run(&mut self) {
        let mut command = self.command();
        command.arg("run").args(&self.flags);
        self.process = Some(Process::start(command, &self.home.with_extension("log")));
    }

    /// Starts the agent, and waits until it would be given work.
    #[must_use]
    pub fn ready(mut self) -> Self {
        self.run();
        self.available();
        self
    }

    /// Waits until it would be given work.
    pub fn available(&self) {
        until("the node is available", || {
            // each look is a call, and a server counts them
            thread::sleep(LOOK);
            self.json(&["status"])["server"]["available"] == true
        });
    }

    /// Waits until the agent has ended by itself.
    pub fn ended(&mut self) {
        let mut process = self.process.take().unwrap();
        until("the agent ends", || process.has_ended());
    }

    /// Waits until the agent's log says this.
    pub fn said(&mut self, what: &str) {
        self.process.as_mut().unwrap().said(what);
    }

    /// As a power cut would end the machine.
    pub fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }
}
