//! The platform's files in a bucket: what a local folder never does, such as being away, or in the wrong place.

mod full;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use e2e::market::{Process, free_port};
use tokio::runtime::Runtime;

use crate::support::{self_signed, tls_proxy};

const BUCKET: &str = "jobs";
const PREFIX: &str = "market/one";
const KEY: &str = "AKIATEST";
const SECRET: &str = "a secret of the test's";

/// A server that speaks S3 behind TLS, checks signatures, and keeps objects as files.
struct Bucket {
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
    certificate: PathBuf,
    tls_port: u16,
    _runtime: Runtime,
}

/// An object, as the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    path: PathBuf,
    size: u64,
    written: SystemTime,
}

impl Bucket {
    /// An empty one.
    fn start(folder: PathBuf) -> Self {
        fs::create_dir_all(folder.join(BUCKET)).unwrap();
        let beside = folder.parent().unwrap();
        let (port, runtime) = (free_port(), Runtime::new().unwrap());
        let (certificate, key) = self_signed(beside, "bucket");
        let tls_port = runtime.block_on(tls_proxy((&certificate, &key), port));
        let mut bucket = Self { folder, port, process: None, certificate, tls_port, _runtime: runtime };
        bucket.come_back();
        bucket
    }

    /// Starts the server on what is there.
    fn come_back(&mut self) {
        let program = std::env::var_os("CYXWIZ_S3").expect("CYXWIZ_S3 is not set: run `./x test --full`");
        let port = self.port.to_string();
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", &port, "--access-key", KEY, "--secret-key", SECRET]);
        command.arg(&self.folder);
        let mut process = Process::start(command, &self.folder.with_extension("log"));
        let url = format!("http://127.0.0.1:{port}");
        process.until("the bucket is there", || {
            let mut look = Command::new("curl");
            look.args(["-s", "-o", "/dev/null", &url]).stderr(Stdio::null()).status().unwrap().success()
        });
        self.process = Some(process);
    }

    /// Ends the server.
    fn go_away(&mut self) {
        drop(self.process.take());
    }

    /// Has a server keep its files there.
    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CYXWIZ_OBJECTS", format!("s3://{BUCKET}/{PREFIX}")),
            ("AWS_ENDPOINT", format!("https://127.0.0.1:{}", self.tls_port)),
            ("SSL_CERT_FILE", self.certificate.display().to_string()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// The parts of files that are there.
    fn objects(&self) -> Vec<Object> {
        let mut found = Vec::new();
        collect(&self.folder.join(BUCKET).join(PREFIX).join("jobs"), &mut found);
        found.sort();
        found
    }
}

fn collect(folder: &Path, found: &mut Vec<Object>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.symlink_metadata() {
            Ok(about) if about.is_dir() => collect(&path, found),
            Ok(about) => found.push(Object { path, size: about.len(), written: about.modified().unwrap() }),
            // it went meanwhile
            Err(_) => {}
        }
    }
}
