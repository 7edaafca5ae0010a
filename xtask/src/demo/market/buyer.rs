use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::ends::{End, Split, check, compare};
use super::follow::Follow;
use super::json::{list, number, text};
use super::stage::Stage;
use super::{say, wait};
use crate::cmd::output;

/// Time between two looks at a job.
const LOOK: Duration = Duration::from_millis(250);
/// Transactions that are looked through for a job's: more than the demo makes.
const TRANSACTIONS: &str = "500";

/// An ML developer with a wallet, in the folder of the repository.
pub(super) struct Buyer<'a> {
    stage: &'a Stage,
}

impl<'a> Buyer<'a> {
    pub(super) fn new(stage: &'a Stage) -> Self {
        Self { stage }
    }

    /// The `cyxwiz` command in his name.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.stage.program("cyxwiz");
        command
            .args(args)
            .env("HOME", self.stage.home.join("buyer"))
            .env("XDG_CONFIG_HOME", self.stage.home.join("buyer/.config"))
            .env("CYXWIZ_KEYPAIR", self.stage.wallet("buyer"))
            .env("CYXWIZ_SERVER", Stage::url())
            .env("CYXWIZ_URL", Stage::rpc())
            .current_dir(&self.stage.root);
        command
    }

    /// Shows a command and what it prints.
    pub(super) fn say(&self, args: &[&str]) -> Result<()> {
        say("cyxwiz", self.command(&[]), args)
    }

    /// What it prints for programs; nothing is shown.
    pub(super) fn json(&self, args: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&output(&mut self.command(&[args, &["-o", "json"]].concat()))?)?)
    }

    /// Submits and follows to the end, which must be this one; returns the job.
    pub(super) fn submit(&self, job: &str, more: &[&str], end: &End) -> Result<String> {
        let args = [&["submit", job, "--yes", "--disk", "1"][..], more].concat();
        println!("\n$ cyxwiz {}", args.join(" "));
        let status = self.command(&args).status()?;
        ensure!(status.code() == Some(end.exit_code), "it ended with {status}, not {}", end.exit_code);
        let jobs = self.json(&["jobs", "--limit", "1"])?;
        Ok(text(&jobs, "/jobs/0/id")?.to_owned())
    }

    /// Submits without following; returns the job.
    pub(super) fn detach(&self, job: &str, more: &[&str]) -> Result<String> {
        self.say(&[&["submit", job, "--yes", "--disk", "1", "--detach"][..], more].concat())?;
        let jobs = self.json(&["jobs", "--limit", "1"])?;
        Ok(text(&jobs, "/jobs/0/id")?.to_owned())
    }

    /// Follows a job; what it says can be read while it is shown.
    pub(super) fn watch(&self, job: &str) -> Result<Follow> {
        println!("\n$ cyxwiz watch {job}");
        Follow::start(self.command(&["watch", job]))
    }

    /// Shows all that is told of a job that must end so.
    pub(super) fn told(&self, job: &str, end: &End) -> Result<Vec<String>> {
        let (code, lines) = self.watch(job)?.end()?;
        ensure!(code == Some(end.exit_code), "the watch ended with {code:?}, not {}", end.exit_code);
        Ok(lines)
    }

    /// The job as the market has it.
    pub(super) fn job(&self, job: &str) -> Result<Value> {
        self.json(&["show", job])
    }

    /// Every event of a job that has ended, as programs read them.
    pub(super) fn events(&self, job: &str) -> Result<Vec<Value>> {
        let said = output(&mut self.command(&["watch", job, "-o", "json"]))?;
        said.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Waits until a job is in a state; an error when it passes it.
    pub(super) fn reaches(&self, job: &str, state: &str) -> Result<()> {
        wait(&format!("{job} is {state}"), LOOK, || {
            let now = self.job(job)?;
            let now = text(&now, "/state")?;
            if now != state && ["completed", "refunded", "cancelled"].contains(&now) {
                bail!("{job} is {now}: it was never seen {state}");
            }
            Ok((now == state).then_some(()))
        })
    }

    /// Holds a job's end against the rule, and the market's numbers against the chain's; says that they are the same.
    pub(super) fn ended(&self, job: &str, end: &End) -> Result<Split> {
        let found = self.job(job)?;
        let split = check(&found, end).with_context(|| format!("{job} did not end as it must"))?;
        compare(&self.json(&["wallet", "history", "--limit", TRANSACTIONS])?, job, &split)?;
        let Split { deposit, node, platform, refund, .. } = split;
        println!(
            "✓ chain and CLI say the same: {deposit} = {node} node + {platform} platform + {refund} back (base units)"
        );
        Ok(split)
    }

    /// Free and locked USDC in the escrow's balance, base units: the CLI reads them from the chain.
    pub(super) fn balance(&self) -> Result<(u64, u64)> {
        let shown = self.json(&["wallet", "balance"])?;
        let coins = list(&shown, "/coins")?;
        let usdc = coins.iter().find(|coin| coin.get("coin").and_then(Value::as_str) == Some("USDC"));
        let usdc = usdc.context("no USDC in the balance")?;
        Ok((number(usdc, "/free")?, number(usdc, "/locked")?))
    }

    /// Fetches what a job made; returns the folder.
    pub(super) fn results(&self, job: &str, name: &str) -> Result<PathBuf> {
        let to = self.stage.home.join("results").join(name);
        self.say(&["results", job, "--to", &to.to_string_lossy()])?;
        Ok(to)
    }
}
