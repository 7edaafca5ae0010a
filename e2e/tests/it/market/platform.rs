use std::{path::PathBuf, process::Command};

use tempfile::TempDir;

use super::{
    buyer::Buyer,
    devnet::{Devnet, free_port},
    process::{Process, binary},
    seller::Seller,
};
use crate::support::folder;

/// Milliseconds between two blocks: quick enough that a test waits for our own work, not for the chain.
const SLOT_MS: u64 = 100;

/// A chain and a server, of one test alone.
pub(crate) struct Platform {
    pub(crate) chain: Devnet,
    pub(crate) server: Server,
    dir: TempDir,
}

/// A central server.
pub(crate) struct Server {
    pub(crate) url: String,
    port: u16,
    admin_port: u16,
    data: PathBuf,
    rpc: String,
    settle_key: PathBuf,
    settings: Vec<String>,
    process: Option<Process>,
}

impl Platform {
    pub(crate) fn start() -> Self {
        Self::with([])
    }

    /// With settings of the server, such as `--dispute-window-seconds=30`.
    pub(crate) fn with<const N: usize>(settings: [&str; N]) -> Self {
        let (chain, dir) = (Devnet::start(SLOT_MS), folder());
        let port = free_port();
        let mut server = Server {
            url: format!("http://127.0.0.1:{port}"),
            port,
            admin_port: free_port(),
            data: dir.path().join("server"),
            rpc: chain.url(),
            settle_key: chain.wallet_path("settle"),
            settings: settings.into_iter().map(str::to_owned).collect(),
            process: None,
        };
        server.start();
        server.admin(&["price", "set", "cpu", "0.05"]);
        server.admin(&["sol-rate", "set", "163.27"]);
        Self { chain, server, dir }
    }

    /// A seller whose node takes work.
    pub(crate) fn seller(&self, name: &str) -> Seller {
        self.seller_with(name, &[])
    }

    /// With further flags of `install`.
    pub(crate) fn seller_with(&self, name: &str, more: &[String]) -> Seller {
        let seller = Seller::install(self, name, &self.dir.path().join(name), more);
        seller.ready()
    }

    /// The buyer that the chain funded, signed in.
    pub(crate) fn buyer(&self) -> Buyer {
        let home = self.dir.path().join("buyer");
        std::fs::create_dir_all(&home).unwrap();
        let buyer = Buyer::new(self, home, self.chain.wallet_path("buyer"));
        buyer.ok(&["login"]);
        buyer
    }

    /// A folder of the test's own.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Server {
    fn command(&self) -> Command {
        let mut command = Command::new(binary("CYXWIZ_SERVER_BIN", "cyxwiz-server"));
        command
            .env("CYXWIZ_DATA", &self.data)
            .env("CYXWIZ_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("CYXWIZ_ADMIN_LISTEN", format!("127.0.0.1:{}", self.admin_port))
            .env("CYXWIZ_RPC_URL", &self.rpc)
            .env("CYXWIZ_SETTLE_KEY", &self.settle_key)
            .env("CYXWIZ_DISPUTE_WINDOW_SECONDS", "1")
            .env("CYXWIZ_IMAGES", images())
            .args(&self.settings);
        command
    }

    /// Starts it, or starts it again on what it kept.
    pub(crate) fn start(&mut self) {
        let mut command = self.command();
        command.arg("serve");
        let mut process = Process::start(command, &self.data.with_extension("log"));
        let ready = format!("http://127.0.0.1:{}/readyz", self.admin_port);
        process.until("the server is ready", || {
            Command::new("curl").args(["-sf", "-o", "/dev/null", &ready]).status().unwrap().success()
        });
        self.process = Some(process);
    }

    /// As a power cut would end it.
    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// What an operator types.
    pub(crate) fn admin(&self, args: &[&str]) -> String {
        let output = self.command().arg("admin").args(args).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "admin {args:?}: {out}{err}");
        out.into_owned()
    }
}

/// The images that are here, as `./x images` made them: the small one, and with `--full` PyTorch's.
pub(crate) fn images() -> String {
    let python =
        std::env::var("CYXWIZ_IMAGE_PYTHON").expect("CYXWIZ_IMAGE_PYTHON is not set: run `./x test`");
    match std::env::var("CYXWIZ_IMAGE_PYTORCH") {
        Ok(pytorch) => format!("python={python},pytorch={pytorch}"),
        Err(_) => format!("python={python}"),
    }
}
