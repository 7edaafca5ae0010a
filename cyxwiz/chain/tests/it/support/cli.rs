//! The `cyxwiz` command as a person runs it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::devnet::{Devnet, binary};

pub(crate) struct Cli {
    home: TempDir,
    args: Vec<String>,
}

/// What a command printed, and its exit code.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Cli {
    /// On this chain, with this wallet.
    pub(crate) fn of(devnet: &Devnet, wallet: &Path) -> Self {
        Self::new(&["--url", &devnet.url(), "--keypair", &wallet.display().to_string()])
    }

    pub(crate) fn new(args: &[&str]) -> Self {
        Self { home: TempDir::new().unwrap(), args: args.iter().map(|arg| (*arg).to_owned()).collect() }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(binary("CYXWIZ_BIN"));
        command.args(verb.split(' ')).args(&self.args).env("HOME", self.home.path());
        for name in ["URL", "WITNESS_URL", "WITNESS_WAIT", "CLUSTER", "PROGRAM", "KEYPAIR"] {
            command.env_remove(format!("CYXWIZ_{name}"));
        }
        command.env_remove("XDG_STATE_HOME");
        command
    }

    pub(crate) fn say(&self, verb: &str) -> Said {
        let Output { status, stdout, stderr } = self.command(verb).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
        Said { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }

    /// Expects success and one JSON value.
    pub(crate) fn json(&self, verb: &str) -> Value {
        let said = self.say(&format!("{verb} -o json"));
        assert_eq!(said.code, 0, "{said:?}");
        serde_json::from_str(&said.out).unwrap()
    }
}
