//! The `cyxwiz` command as a person runs it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::devnet::Devnet;
use super::market::Market;

pub(crate) struct Cli {
    home: TempDir,
    args: Vec<String>,
    /// How far this machine's clock is off, as libfaketime reads it.
    clock: Option<String>,
}

/// What a command printed, and its exit code.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Cli {
    /// On this chain and market, with this wallet.
    pub(crate) fn of(devnet: &Devnet, market: &Market, wallet: &str) -> Self {
        let keypair = devnet.wallet_path(wallet).display().to_string();
        Self::new(&["--url", &devnet.url(), "--server", &market.url(), "--keypair", &keypair])
    }

    /// On this market, with a new wallet; and its address.
    pub(crate) fn alone(market: &Market) -> (Self, String) {
        let cli = Self::new(&["--server", &market.url()]);
        let address = cli.json("wallet new")["address"].as_str().unwrap().to_owned();
        (cli, address)
    }

    pub(crate) fn new(args: &[&str]) -> Self {
        Self {
            home: TempDir::new().unwrap(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            clock: None,
        }
    }

    /// Puts its clock off.
    pub(crate) fn clock(&mut self, off: Option<&str>) {
        self.clock = off.map(str::to_owned);
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A job's folder in the home.
    pub(crate) fn job(&self, files: &[(&str, &[u8])]) -> PathBuf {
        let dir = self.home.path().join("job");
        for (path, bytes) in files {
            let path = dir.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        dir
    }

    /// Words are apart by spaces; the home is the folder in which it runs.
    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cyxwiz"));
        let (before, after) =
            verb.split_once(" -- ").map_or((verb, None), |(before, after)| (before, Some(after)));
        command.args(before.split(' ')).args(&self.args);
        if let Some(after) = after {
            command.arg("--").args(after.split(' '));
        }
        command
            .env("HOME", self.home.path())
            .env("TZ", "UTC")
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        for name in ["URL", "CLUSTER", "PROGRAM", "KEYPAIR", "SERVER", "TLS_CA"] {
            command.env_remove(format!("CYXWIZ_{name}"));
        }
        command.env_remove("XDG_STATE_HOME").env_remove("XDG_CONFIG_HOME");
        if let Some(off) = &self.clock {
            command
                .env("LD_PRELOAD", faketime())
                .env("FAKETIME", off)
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        command
    }

    pub(crate) fn say(&self, verb: &str) -> Said {
        said(self.command(verb).output().unwrap())
    }

    /// Expects success; says what stood on stdout.
    pub(crate) fn ok(&self, verb: &str) -> String {
        let said = self.say(verb);
        assert_eq!(said.code, 0, "{verb}: {said:?}");
        said.out
    }

    /// Expects success and one JSON value.
    pub(crate) fn json(&self, verb: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{verb} -o json"))).unwrap()
    }

    /// Starts it, to be looked at while it runs.
    pub(crate) fn start(&self, verb: &str) -> Running {
        let mut child = self.command(verb).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Running { child, out }
    }
}

/// What puts a program's clock off. `./x test` installs it.
fn faketime() -> PathBuf {
    let places = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let found = places.map(|place| place.join("faketime/libfaketime.so.1")).find(|path| path.exists());
    found.expect("libfaketime is not there: run `./x test`")
}

pub(crate) fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// A command that still runs.
pub(crate) struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Running {
    /// The next line of stdout.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// As a power cut would end it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As Ctrl-C does.
    pub(crate) fn interrupt(mut self) -> Said {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.out, &mut rest).unwrap();
        let mut said = said(self.child.wait_with_output().unwrap());
        said.out = rest;
        said
    }

    pub(crate) fn end(self) -> Said {
        let Self { child, mut out } = self;
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut out, &mut rest).unwrap();
        let mut said = said(child.wait_with_output().unwrap());
        said.out = rest;
        said
    }
}
