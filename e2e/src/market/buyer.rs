use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::{platform::Platform, process::Process};
use crate::{binary, until_some};

/// Time between two looks at a job.
const LOOK: Duration = Duration::from_millis(250);

/// An ML developer with a wallet.
pub struct Buyer {
    home: PathBuf,
    keypair: PathBuf,
    server: String,
    rpc: String,
}

impl Buyer {
    /// One with this keypair.
    #[must_use]
    pub fn new(platform: &Platform, home: PathBuf, keypair: PathBuf) -> Self {
        Self { home, keypair, server: platform.server.url.clone(), rpc: platform.chain_url() }
    }

    /// The `cyxwiz` command in his name.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary("CYXWIZ_BIN", "cyxwiz"));
        command
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", self.home.join(".config"))
            .env("CYXWIZ_KEYPAIR", &self.keypair)
            .env("CYXWIZ_SERVER", &self.server)
            .env("CYXWIZ_URL", &self.rpc)
            .current_dir(&self.home)
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    /// Runs what must succeed; returns its output.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "cyxwiz {args:?}: {out}{err}");
        out.into_owned()
    }

    /// All that is shown of a job: what its script wrote, and what was told of it.
    #[track_caller]
    pub fn told(&self, job: &str) -> String {
        let output = self.run(&["watch", job]);
        [output.stderr, output.stdout].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
    }

    /// Runs what must fail; returns the exit code and what it said.
    #[track_caller]
    pub fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        assert!(!output.status.success(), "cyxwiz {args:?} should fail");
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// The same, as a value.
    #[track_caller]
    #[must_use]
    pub fn json(&self, args: &[&str]) -> Value {
        let text = self.ok(&[args, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// Submits a folder and does not follow; returns the job's id.
    #[track_caller]
    pub fn submit(&self, job: &Path, more: &[&str]) -> String {
        let own = ["submit", job.to_str().unwrap(), "--yes", "--detach", "--disk", "1"];
        let args = [&own, more].concat();
        self.json(&args)["job"].as_str().unwrap().to_owned()
    }

    /// Follows a job in the background.
    pub fn watch(&self, job: &str, log: &Path) -> Process {
        let mut command = self.command();
        command.args(["watch", job]);
        Process::start(command, log)
    }

    /// The job as the server has it.
    pub fn job(&self, job: &str) -> Value {
        self.json(&["show", job])
    }

    /// Waits for a state that stays, or until it is passed.
    #[track_caller]
    pub fn reaches(&self, job: &str, wanted: &[&str]) -> Value {
        until_some(&format!("{job} is {wanted:?}"), || {
            // each look is some calls, and a server counts them
            thread::sleep(LOOK);
            let job = self.job(job);
            let state = job["state"].as_str().unwrap();
            let over = ["completed", "refunded", "cancelled"].contains(&state);
            assert!(!over || wanted.contains(&state), "it ended otherwise: {job:#}");
            wanted.contains(&state).then_some(job)
        })
    }

    /// What is free and what is locked in the balance, base units.
    pub fn balance(&self, coin: &str) -> (u64, u64) {
        let shown = self.json(&["wallet", "balance"]);
        let coins = shown["coins"].as_array().unwrap();
        let shown = coins.iter().find(|shown| shown["coin"] == coin).unwrap();
        let part = |part: &str| shown[part].as_str().unwrap().parse().unwrap();
        (part("free"), part("locked"))
    }
}

/// A part of a job's cost, base units.
pub fn units(job: &Value, part: &str) -> u64 {
    job["cost"][part]["base_units"].as_str().unwrap().parse().unwrap()
}

/// Why it ended, and whose fault that was.
pub fn why(ending: &Value) -> (String, String) {
    (ending["reason"].as_str().unwrap().to_owned(), ending["class"].as_str().unwrap_or("").to_owned())
}
