use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use super::stage::{ADMIN, SERVER, Stage};
use super::{announce, say};
use crate::cmd::{cmd, output, succeeds};
use crate::demo::background::Background;

/// Quicker than what a platform would set, which is a minute for both; and every deterministic job is run again, not a
/// sample.
const SETTINGS: [&str; 6] =
    ["--dispute-window-seconds", "6", "--checkpoint-seconds", "1", "--recheck-percent", "100"];

/// The market's server, with a PostgreSQL of its own.
pub(super) struct Platform<'a> {
    stage: &'a Stage,
    _process: Background,
}

impl<'a> Platform<'a> {
    pub(super) fn start(stage: &'a Stage) -> Result<Self> {
        announce("the platform: a server with a PostgreSQL of its own, and a price list");
        println!("$ cyxwiz-server serve {} &", SETTINGS.join(" "));
        let mut command = command(stage);
        command.arg("serve").args(SETTINGS);
        let mut process = Background::start("server", command, &stage.log("server"))?;
        let ready = format!("http://127.0.0.1:{ADMIN}/readyz");
        process.until(|| succeeds(&mut cmd("curl", ["-sf", "-o", "/dev/null", &ready])).then_some(()))?;
        for args in [&["admin", "price", "set", "cpu", "0.05"][..], &["admin", "sol-rate", "set", "163.27"]] {
            say("cyxwiz-server", self::command(stage), args)?;
        }
        Ok(Self { stage, _process: process })
    }

    /// Everything that the database has of a job.
    pub(super) fn job(&self, job: &str) -> Result<Value> {
        let mut command = command(self.stage);
        let said = output(command.args(["admin", "job", "show", job, "-o", "json"]))?;
        Ok(serde_json::from_str(&said)?)
    }

    /// A part of that, as an operator looks it up.
    pub(super) fn inspect(&self, job: &str, parts: &[&str]) -> Result<Value> {
        let found = self.job(job)?;
        println!("\n$ cyxwiz-server admin job show {job} | grep -E '^({})'", parts.join("|"));
        for part in parts {
            let value = found.get(part).unwrap_or(&Value::Null);
            println!("{part:<14}{}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        Ok(found)
    }
}

fn command(stage: &Stage) -> Command {
    let mut command = stage.program("cyxwiz-server");
    command
        .env("CYXWIZ_DATA", stage.home.join("server"))
        .env("CYXWIZ_LISTEN", format!("127.0.0.1:{SERVER}"))
        .env("CYXWIZ_ADMIN_LISTEN", format!("127.0.0.1:{ADMIN}"))
        .env("CYXWIZ_RPC_URL", Stage::rpc())
        .env("CYXWIZ_SETTLE_KEY", stage.wallet("settle"))
        .env("CYXWIZ_IMAGES", &stage.images);
    command
}
