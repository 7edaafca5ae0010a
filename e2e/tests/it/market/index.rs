//! Package indexes at the host's end of the engine's link, where jobs reach them. Nothing where the engine is another's:
//! its jobs reach the Internet, or the node offers no network.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::Command,
    thread,
};

use e2e::market::{Process, free_port};

fn host() -> Option<String> {
    std::env::var("CYXWIZ_DOCKER_HOST_ADDRESS").ok()
}

/// Starts an index that has no package; returns what a seller's `install` is told of it.
pub(crate) fn empty() -> Vec<String> {
    let Some(host) = host() else { return Vec::new() };
    let listener = TcpListener::bind((host.as_str(), 0)).unwrap();
    let url = format!("http://{}/simple", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
            let _ = head.count();
            let _ =
                stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    vec!["--package-index".to_owned(), url]
}

/// A mirror of the index that this machine's own pip uses, passed on as it is asked for.
pub(crate) struct Mirror {
    process: Option<Process>,
    /// What a seller's `install` is told of it.
    pub(crate) flags: Vec<String>,
}

impl Mirror {
    /// Starts proxpi, which `./x test --full` installs.
    pub(crate) fn start(folder: &Path) -> Self {
        let Some(host) = host() else { return Self { process: None, flags: Vec::new() } };
        let python =
            std::env::var_os("CYXWIZ_PROXPI").expect("CYXWIZ_PROXPI is not set: run `./x test --full`");
        let port = free_port();
        let mut command = Command::new(python);
        command.args([
            "-m",
            "flask",
            "--app",
            "proxpi.server",
            "run",
            "--host",
            &host,
            "--port",
            &port.to_string(),
        ]);
        // it sends who asks elsewhere if a file takes longer: a job reaches no further than this machine
        command.env("PROXPI_CACHE_DIR", folder).env("PROXPI_DOWNLOAD_TIMEOUT", "60");
        for (theirs, pips) in [("PROXPI_INDEX_URL", "PIP_INDEX_URL"), ("REQUESTS_CA_BUNDLE", "PIP_CERT")] {
            if let Some(value) = std::env::var_os(pips) {
                command.env(theirs, value);
            }
        }
        let mut process = Process::start(command, &folder.with_extension("log"));
        let url = format!("http://{host}:{port}/index/");
        process.until("the mirror is ready", || {
            Command::new("curl")
                .args(["-sf", "-o", "/dev/null", &format!("http://{host}:{port}/health")])
                .status()
                .unwrap()
                .success()
        });
        Self { process: Some(process), flags: vec!["--package-index".to_owned(), url] }
    }

    /// What was asked of it.
    pub(crate) fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }
}
