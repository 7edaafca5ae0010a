use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use e2e::market::{Process, free_port};

/// A registry beside the engine, which takes plain HTTP from its own machine alone.
pub(crate) struct Registry {
    address: String,
    _process: Process,
}

impl Registry {
    /// Starts Docker's own registry, where `./x test --full` found one.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let program = std::env::var_os("CYXWIZ_REGISTRY")?;
        let address = format!("127.0.0.1:{}", free_port());
        let (config, blobs) = (folder.join("registry.yml"), folder.join("blobs"));
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\", secret: test}}\n",
            blobs.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = match std::env::var("CYXWIZ_DOCKER_NETNS") {
            Ok(name) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net=/run/netns/{name}")).arg(program);
                command
            }
            Err(_) => Command::new(program),
        };
        command.arg("serve").arg(config);
        let mut process = Process::start(command, &folder.join("registry.log"));
        process.said("listening on");
        Some(Self { address, _process: process })
    }

    /// Moves a copy of an image there, so that the engine no longer has it; returns it by its digest.
    pub(crate) fn take(&self, image: &str) -> String {
        let name = format!("{}/cyxwiz/python", self.address);
        let made = engine("POST", "containers/create", &json!({ "Image": image, "Cmd": ["python3"] }));
        let made: Value = serde_json::from_slice(&made).unwrap();
        let container = made["Id"].as_str().unwrap();
        let label = std::process::id();
        let commit =
            format!("commit?container={container}&repo={name}&tag=t&changes=LABEL%20org.cyxwiz.test={label}");
        engine("POST", &commit, &json!({}));
        engine("DELETE", &format!("containers/{container}"), &Value::Null);
        let told = engine("POST", &format!("images/{name}/push?tag=t"), &Value::Null);
        let told = String::from_utf8(told).unwrap();
        let lines = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let digest = lines.filter_map(|line| Some(line["aux"]["Digest"].as_str()?.to_owned())).next_back();
        let digest = digest.unwrap_or_else(|| panic!("not pushed: {told}"));
        forget(&format!("{name}:t"));
        format!("{name}@{digest}")
    }
}

/// Removes an image from the engine.
pub(crate) fn forget(image: &str) {
    engine("DELETE", &format!("images/{image}?force=true"), &Value::Null);
}

/// A call of the engine.
fn engine(method: &str, path: &str, body: &Value) -> Vec<u8> {
    let socket = std::env::var("CYXWIZ_DOCKER").unwrap();
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail-with-body", "--unix-socket", &socket, "-X", method]);
    // no name and no password
    command.args(["-H", "X-Registry-Auth: e30=", "-H", "Content-Type: application/json"]);
    if !body.is_null() {
        command.args(["-d", &body.to_string()]);
    }
    let Output { status, stdout, stderr } =
        command.arg(format!("http://engine/v1.41/{path}")).output().unwrap();
    let said = || format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{method} {path}: {}", said());
    stdout
}
