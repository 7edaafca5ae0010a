use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::json::text;
use super::stage::Stage;
use super::{say, wait};
use crate::cmd::output;
use crate::containers::api;
use crate::demo::background::Background;

/// Time between two looks at a node's status: each signs in, and a server counts that.
const LOOK: Duration = Duration::from_millis(600);
/// The label that says whose a container is.
const LABEL: &str = "org.cyxwiz.node";

/// A node's owner and his machine.
pub(super) struct Seller<'a> {
    stage: &'a Stage,
    home: PathBuf,
    name: &'static str,
    process: Option<Background>,
}

impl<'a> Seller<'a> {
    /// His machine is looked at, measured and enrolled.
    pub(super) fn install(stage: &'a Stage, name: &'static str, wallet: &str) -> Result<Self> {
        let seller = Self { stage, home: stage.home.join(name), name, process: None };
        let (server, docker) = (Stage::url(), stage.engine.socket.display().to_string());
        let args =
            ["install", "--name", name, "--server", &server, "--wallet", wallet, "--min-price", "0.05"];
        // without a number it offers four fifths of what is free, which other programs change
        let room = ["--disk", "4096", "--no-service", "--container-socket", &docker];
        seller.say(&[&args[..], &room].concat())?;
        Ok(seller)
    }

    fn command(&self) -> Command {
        let mut command = self.stage.program("cyxwiz-node");
        command.env("CYXWIZ_NODE_HOME", &self.home);
        command
    }

    /// Shows what its owner types, and what that prints.
    pub(super) fn say(&self, args: &[&str]) -> Result<()> {
        say("cyxwiz-node", self.command(), args)
    }

    pub(super) fn json(&self, args: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&output(self.command().args(args).args(["-o", "json"]))?)?)
    }

    /// Starts the agent.
    pub(super) fn run(&mut self) -> Result<()> {
        println!("\n$ cyxwiz-node run &");
        let mut command = self.command();
        command.arg("run");
        self.process = Some(Background::start("node", command, &self.stage.log(self.name))?);
        Ok(())
    }

    /// Waits until the server would, or would no longer, give it work.
    pub(super) fn gets_work(&self, gets: bool) -> Result<()> {
        wait("what the server says of the node", LOOK, || {
            let status = self.json(&["status"])?;
            Ok((status.pointer("/server/available") == Some(&Value::Bool(gets))).then_some(()))
        })
    }

    /// As a power cut would end the machine: the agent and its job's container at once.
    pub(super) fn power_cut(&mut self) -> Result<()> {
        let identity = self.json(&["status"])?;
        let identity = text(&identity, "/identity")?.to_owned();
        let whose = |label: &str| !label.is_empty() && identity.starts_with(label);
        let containers = api::labelled(&self.stage.engine, LABEL, whose)?;
        ensure!(!containers.is_empty(), "the node runs no container");
        let process = self.process.take().context("the agent does not run")?;
        println!("\n$ kill -9 {}", process.id());
        process.kill()?;
        for id in &containers {
            println!("$ docker kill {}", id.get(..12).unwrap_or(id));
            api::kill(&self.stage.engine, id)?;
        }
        Ok(())
    }
}
