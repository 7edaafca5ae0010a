//! Starts `rotel`, an OTLP receiver that nobody here wrote, and reads what it says it received.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
};

/// A running receiver; killed when dropped.
pub(super) struct Receiver {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Two free ports: for gRPC and HTTP.
pub(super) fn free_ports() -> [u16; 2] {
    let held = [0, 0].map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// `VYR_ROTEL`, else where `pip install rotel` put it in the tests' own environment.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("VYR_ROTEL") {
        return named.into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    let libraries = cache.unwrap_or_else(home).join("vyr/tools/py/lib");
    let found = std::fs::read_dir(&libraries).ok().and_then(|folders| {
        let agents = folders.flatten().map(|python| python.path().join("site-packages/rotel/rotel-agent"));
        agents.into_iter().find(|agent| agent.is_file())
    });
    found.unwrap_or_else(|| {
        panic!("no rotel under {}: `pip install rotel` there or set VYR_ROTEL", libraries.display())
    })
}

impl Receiver {
    pub(super) async fn start([grpc, http]: [u16; 2]) -> Self {
        let mut child = Command::new(program())
            .args(["start", "--exporter", "blackhole", "--debug-log-verbosity", "detailed"])
            .args(["--debug-log", "traces", "--debug-log", "metrics"])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut receiver = Self { _child: child, lines };
        receiver.read_until("Starting Rotel").await;
        for port in [grpc, http] {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
        receiver
    }

    /// Reads up to a line with `marker`; returns everything up to it.
    pub(super) async fn read_until(&mut self, marker: &str) -> String {
        let mut text = String::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            text.push_str(&line);
            text.push('\n');
            if line.contains(marker) {
                return text;
            }
        }
        panic!("the receiver ended without `{marker}`:\n{text}");
    }
}
