//! Starts `rotel`, an OTLP receiver, and reads what it says that it received.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::support::{Node, NodeBuilder, cache, until};

/// How the node sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

/// A collector that can be killed and started again at the same ports.
pub(crate) struct Collector {
    ports: [u16; 2],
    log: PathBuf,
    child: Option<Child>,
    _dir: tempfile::TempDir,
}

/// `VYR_ROTEL`, else where the tests' Python packages are.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("VYR_ROTEL") {
        return named.into();
    }
    let libraries = cache().join("tools/python-tests/lib");
    let folders = fs::read_dir(&libraries).into_iter().flatten().flatten();
    let mut agents = folders.map(|python| python.path().join("site-packages/rotel/rotel-agent"));
    agents.find(|agent| agent.is_file()).expect("no rotel: run `./x setup`, or set VYR_ROTEL")
}

impl Collector {
    /// Reserves ports; starts nothing yet.
    pub(crate) fn new() -> Self {
        let held = [0, 0].map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
        let ports = held.map(|listener| listener.local_addr().unwrap().port());
        let dir = crate::support::folder();
        Self { ports, log: dir.path().join("rotel.log"), child: None, _dir: dir }
    }

    pub(crate) fn start(&mut self) {
        let [grpc, http] = self.ports;
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let child = Command::new(program())
            .args(["start", "--exporter", "blackhole", "--debug-log-verbosity", "detailed"])
            .args(["--debug-log", "traces", "--debug-log", "metrics"])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        for port in self.ports {
            until("the collector listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        }
    }

    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Returns where it listens.
    pub(crate) const fn port(&self, protocol: Protocol) -> u16 {
        let [grpc, http] = self.ports;
        match protocol {
            Protocol::Http => http,
            Protocol::Grpc => grpc,
        }
    }

    /// Starts a node that sends here.
    pub(crate) fn node(&self, protocol: Protocol) -> Node {
        sending(protocol, &format!("http://127.0.0.1:{}", self.port(protocol))).start()
    }

    /// Returns everything that it said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Returns the value of a metric that counts, as it was last received, of the point that says `attribute`.
    pub(crate) fn value(&self, metric: &str, attribute: &str) -> Option<u64> {
        let said = self.said();
        let (_, last) = said.rsplit_once(&format!("-> Name: {metric}\n"))?;
        let mut points = last.split("Metric #").next()?.split("NumberDataPoints #").skip(1);
        let point = points.find(|point| point.contains(attribute))?;
        point.lines().find_map(|line| line.strip_prefix("Value: "))?.parse().ok()
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

/// Returns a node that sends to an endpoint, not started yet.
pub(crate) fn sending(protocol: Protocol, endpoint: &str) -> NodeBuilder {
    let name = match protocol {
        Protocol::Http => "http/protobuf",
        Protocol::Grpc => "grpc",
    };
    NodeBuilder::default()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", name)
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500")
}

impl Drop for Collector {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
        if std::thread::panicking() {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            let start = said.len().saturating_sub(8000);
            eprintln!("the collector's last words:\n{}", said.get(start..).unwrap_or(&said));
        }
    }
}
