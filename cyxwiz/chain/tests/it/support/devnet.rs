//! A chain of a test's own. The first test sets one up, the others begin with a copy of that.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::{Cluster, Contract, Network, Rpc, read_keypair};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_signer::Signer as _;
use tempfile::TempDir;

/// A start, under load.
const READY: Duration = Duration::from_secs(120);

pub(crate) struct Devnet {
    child: Child,
    dir: TempDir,
    slot_ms: u64,
    program: PathBuf,
    pub(crate) rpc_port: u16,
    pub(crate) ws_port: u16,
    pub(crate) report: Value,
}

pub(crate) fn binary(name: &str) -> PathBuf {
    let path = std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run `./x test`"));
    PathBuf::from(path)
}

impl Devnet {
    /// Starts a chain with this time between two blocks.
    pub(crate) fn start(slot_ms: u64) -> Self {
        let dir = TempDir::new_in(base()).unwrap();
        let (rpc_port, ws_port) = match validator() {
            None => {
                begin(dir.path());
                (free_port(), free_port())
            }
            // its own start is the set-up, and its WebSocket stands beside its RPC
            Some(_) => free_pair(),
        };
        let program = binary("CYXWIZ_ESCROW");
        let (child, report) = launch(&mut command(dir.path(), &program, slot_ms, rpc_port, ws_port));
        Self { child, dir, slot_ms, program, rpc_port, ws_port, report }
    }

    /// The command that started it, to be given a second time.
    pub(crate) fn run_command(&self) -> Command {
        command(self.state(), &self.program, self.slot_ms, self.rpc_port, self.ws_port)
    }

    /// The command that ends it.
    pub(crate) fn stop_command(&self) -> Command {
        stop_command(self.state())
    }

    /// Waits for the process that was asked to end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// From now on it starts with this program.
    pub(crate) fn replace_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// As a power cut would end it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// On the same folder and ports.
    pub(crate) fn restart(&mut self) {
        let (child, report) = launch(&mut self.run_command());
        self.child = child;
        self.report = report;
    }

    /// Moves the chain's clock, as only a box can.
    pub(crate) fn travel(&self, unix_time: i64) {
        self.ask("surfnet_timeTravel", &json!([{ "absoluteTimestamp": unix_time * 1000 }]));
    }

    /// Whose signatures stand on the transactions that touched an address, oldest first, and what these cost.
    pub(crate) fn signatures(&self, address: &Address) -> (Vec<Address>, u64) {
        let (mut signers, mut fees) = (Vec::new(), 0);
        for found in self.transactions(address) {
            let transaction = &found["transaction"];
            let signed = transaction["signatures"].as_array().unwrap().len();
            let keys = transaction["message"]["accountKeys"].as_array().unwrap();
            signers
                .extend(keys[..signed].iter().map(|key| key.as_str().unwrap().parse::<Address>().unwrap()));
            fees += found["meta"]["fee"].as_u64().unwrap();
        }
        (signers, fees)
    }

    /// The transactions that touched an address, oldest first, as the chain tells them.
    pub(crate) fn transactions(&self, address: &Address) -> Vec<Value> {
        let confirmed = json!({ "commitment": "confirmed", "encoding": "json" });
        let list = self.ask("getSignaturesForAddress", &json!([address.to_string(), confirmed]));
        let read = |entry: &Value| self.ask("getTransaction", &json!([entry["signature"], confirmed]));
        list.as_array().unwrap().iter().rev().map(read).collect()
    }

    /// One call, with nothing of ours in between.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Value {
        let ask = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let output = Command::new("curl")
            .args(["-sS", "-H", "content-type: application/json", "-d", &ask.to_string(), &self.url()])
            .output()
            .unwrap();
        let mut answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answer.get("result").is_some(), "{method}: {answer}");
        answer["result"].take()
    }

    pub(crate) fn state(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn network(&self) -> Network {
        Network::new(Cluster::Localnet, Some(&self.url()), None).unwrap()
    }

    pub(crate) fn contract(&self) -> Contract {
        Contract::of(&self.network())
    }

    pub(crate) fn rpc(&self) -> Rpc {
        Rpc::new(&self.url())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.rpc_port)
    }

    pub(crate) fn ws_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.ws_port)
    }

    pub(crate) fn wallet_path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("wallets/{name}.json"))
    }

    pub(crate) fn wallet(&self, name: &str) -> Keypair {
        read_keypair(&self.wallet_path(name)).unwrap()
    }

    pub(crate) fn address(&self, name: &str) -> Address {
        self.wallet(name).pubkey()
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In memory where the system has such a place: a chain writes all the time.
fn base() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_pair() -> (u16, u16) {
    let pairs = std::iter::repeat_with(free_port).map(|port| (port, port.saturating_add(1)));
    pairs.take(100).find(|(_, next)| TcpListener::bind(("127.0.0.1", *next)).is_ok()).unwrap()
}

/// Solana's own test validator in place of the box, for those tests that move no clock.
fn validator() -> Option<PathBuf> {
    std::env::var_os("CYXWIZ_VALIDATOR").map(PathBuf::from)
}

/// Begins with a chain that was set up and stopped, beside the binary; whoever comes first makes it.
fn begin(to: &Path) {
    let mut hasher = DefaultHasher::new();
    fs::read(binary("CYXWIZ_ESCROW")).unwrap().hash(&mut hasher);
    let meta = fs::metadata(binary("CYXWIZ_DEVNET")).unwrap();
    (meta.len(), meta.modified().unwrap()).hash(&mut hasher);
    let made_of = format!("{:016x}", hasher.finish());
    let dir = binary("CYXWIZ_DEVNET").with_file_name("prepared-chain");
    let lock = File::create(dir.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if fs::read_to_string(dir.join("made-of")).ok().as_ref() != Some(&made_of) {
        let _ = fs::remove_dir_all(&dir);
        let fresh = TempDir::new_in(base()).unwrap();
        let program = binary("CYXWIZ_ESCROW");
        let (mut child, _) = launch(&mut command(fresh.path(), &program, 50, free_port(), free_port()));
        assert!(stop_command(fresh.path()).status().unwrap().success());
        assert!(child.wait().unwrap().success());
        copy(fresh.path(), &dir);
        fs::write(dir.join("made-of"), made_of).unwrap();
    }
    copy(&dir, to);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("wallets")).unwrap();
    for dir in ["", "wallets"] {
        for entry in fs::read_dir(from.join(dir)).unwrap().flatten() {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), to.join(dir).join(entry.file_name())).unwrap();
            }
        }
    }
}

fn command(dir: &Path, program: &Path, slot_ms: u64, rpc_port: u16, ws_port: u16) -> Command {
    let validator = validator().map(|program| [PathBuf::from("--validator"), program]);
    let mut command = Command::new(binary("CYXWIZ_DEVNET"));
    command
        .arg("run")
        .args(validator.iter().flatten())
        .arg("--state")
        .arg(dir)
        .arg("--program")
        .arg(program)
        .args(["--rpc-port", &rpc_port.to_string(), "--ws-port", &ws_port.to_string()])
        .args(["--slot-ms", &slot_ms.to_string(), "--output", "json"])
        .stdin(Stdio::null());
    command
}

fn stop_command(dir: &Path) -> Command {
    let mut command = Command::new(binary("CYXWIZ_DEVNET"));
    command.arg("stop").arg("--state").arg(dir);
    command
}

fn launch(command: &mut Command) -> (Child, Value) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let start = Instant::now();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.is_empty(), "the chain did not start");
    assert!(start.elapsed() < READY, "the chain was too slow to start");
    (child, serde_json::from_str(&line).unwrap())
}
