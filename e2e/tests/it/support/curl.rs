use std::{collections::HashMap, ffi::OsStr, fs, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use buffa::Message as _;
use serde_json::Value;
use vyr_sdk::control::ErrorInfo;

use super::folder;

/// One call of the real curl.
pub(crate) struct Curl {
    command: Command,
    base: String,
}

/// What the node answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Curl {
    /// Calls through a Unix socket.
    pub(crate) fn socket(path: &Path) -> Self {
        Self::new("http://localhost".to_owned()).arg("--unix-socket").arg(path)
    }

    /// Calls `http://HOST:PORT` or `https://HOST:PORT`.
    pub(crate) fn new(base: String) -> Self {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "100", "--noproxy", "*"]);
        Self { command, base }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn header(self, header: &str) -> Self {
        self.arg("--header").arg(header)
    }

    /// Calls a method of the Control API with a JSON body.
    pub(crate) fn call(self, method: &str, body: &Value) -> Answer {
        self.header("content-type: application/json")
            .arg("--data")
            .arg(body.to_string())
            .get(&format!("/vyr.control.v0.ControlService/{method}"))
    }

    /// Asks for a path.
    pub(crate) fn get(self, path: &str) -> Answer {
        let dir = folder();
        let (head, body) = (dir.path().join("head"), dir.path().join("body"));
        let url = format!("{}{path}", self.base);
        let mut command = self.arg("--dump-header").arg(&head).arg("--output").arg(&body).command;
        let output = command.args(["--write-out", "%{http_code}"]).arg(&url).output().unwrap();
        let why = String::from_utf8_lossy(&output.stderr);
        let status = String::from_utf8_lossy(&output.stdout).parse().unwrap();
        assert_ne!(status, 0, "curl {url}: {why}");
        let head = fs::read_to_string(head).unwrap();
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Answer { status, headers, body: fs::read(body).unwrap_or_default() }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Asserts success and returns the JSON.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// Returns the Connect code and the detail that every error carries.
    pub(crate) fn refusal(&self) -> (String, ErrorInfo) {
        let json = self.json();
        let code = json["code"].as_str().unwrap_or_default().to_owned();
        let details = json["details"].as_array().unwrap_or_else(|| panic!("no detail in {json}"));
        let detail = details.iter().find(|detail| detail["type"] == "vyr.control.v0.ErrorInfo").unwrap();
        let bytes = STANDARD_NO_PAD.decode(detail["value"].as_str().unwrap()).unwrap();
        (code, ErrorInfo::decode_from_slice(&bytes).unwrap())
    }
}
