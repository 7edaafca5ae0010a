use std::{
    path::{Path, PathBuf},
    process::Command,
};

use cyxwiz_chain::{
    escrow::{Event, policy::JobId},
    events_of,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    buyer::Buyer,
    cluster,
    devnet::{Devnet, free_port},
    process::Process,
    seller::Seller,
};
use crate::{binary, folder};

/// Milliseconds between two blocks: quick enough that a test waits for our own work, not for the chain.
pub const SLOT_MS: u64 = 100;

/// How a platform is set up.
pub struct Setup<'a> {
    /// Milliseconds between two blocks.
    pub slot_ms: u64,
    /// Settings of the server, such as `--dispute-window-seconds=30`.
    pub settings: &'a [&'a str],
    /// Variables of the server's, such as `CYXWIZ_OBJECTS`.
    pub variables: &'a [(&'a str, &'a str)],
    /// Where its PostgreSQL comes from.
    pub database: Postgres,
}

/// Where a server's PostgreSQL comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Postgres {
    /// The server sets it up, as it does for everybody.
    Own,
    /// It begins with a copy of one that was set up, which leaves it to the system when its data goes to the disk: it
    /// outlives any process, though not the machine.
    Copied,
}

/// A chain and a server, of one test alone.
pub struct Platform {
    chain: Devnet,
    /// Its server.
    pub server: Server,
    dir: TempDir,
}

/// How an escrow was closed, base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Paid out.
    Paid {
        /// To the payee.
        node: u64,
        /// To the treasury.
        platform: u64,
        /// Back to the buyer.
        refund: u64,
    },
    /// All of it went back.
    GivenBack(u64),
}

/// A central server.
pub struct Server {
    /// Where it is called.
    pub url: String,
    port: u16,
    admin_port: u16,
    data: PathBuf,
    rpc: String,
    settle_key: PathBuf,
    settings: Vec<String>,
    variables: Vec<(String, String)>,
    process: Option<Process>,
}

impl Platform {
    /// With the settings of tests.
    #[must_use]
    pub fn start() -> Self {
        Self::with([])
    }

    /// With settings of the server, such as `--dispute-window-seconds=30`.
    #[must_use]
    pub fn with<const N: usize>(settings: [&str; N]) -> Self {
        Self::set_up(&Setup {
            slot_ms: SLOT_MS,
            settings: &settings,
            variables: &[],
            database: Postgres::Copied,
        })
    }

    /// Starts chain and server.
    #[must_use]
    pub fn set_up(setup: &Setup<'_>) -> Self {
        let (chain, dir) = (Devnet::start(setup.slot_ms), folder());
        let port = free_port();
        let mut server = Server {
            url: format!("http://127.0.0.1:{port}"),
            port,
            admin_port: free_port(),
            data: dir.path().join("server"),
            rpc: chain.url(),
            settle_key: chain.wallet_path("settle"),
            settings: setup.settings.iter().map(|&setting| setting.to_owned()).collect(),
            variables: setup
                .variables
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            process: None,
        };
        if setup.database == Postgres::Copied {
            cluster::copy_into(&server.data, server.command());
        }
        server.start();
        server.admin(&["price", "set", "cpu", "0.05"]);
        server.admin(&["sol-rate", "set", "163.27"]);
        Self { chain, server, dir }
    }

    /// A seller whose node takes work.
    #[must_use]
    pub fn seller(&self, name: &str) -> Seller {
        self.seller_with(name, &[])
    }

    /// With further flags of `install`.
    #[must_use]
    pub fn seller_with(&self, name: &str, more: &[String]) -> Seller {
        let seller = Seller::install(self, name, &self.dir.path().join(name), more);
        seller.ready()
    }

    /// The buyer that the chain funded, signed in.
    #[must_use]
    pub fn buyer(&self) -> Buyer {
        let home = self.dir.path().join("buyer");
        std::fs::create_dir_all(&home).unwrap();
        let buyer = Buyer::new(self, home, self.wallet("buyer"));
        buyer.ok(&["login"]);
        buyer
    }

    /// The chain's JSON-RPC.
    #[must_use]
    pub fn chain_url(&self) -> String {
        self.chain.url()
    }

    /// The file of a funded wallet: `buyer`, `seller`, `settle` and others.
    #[must_use]
    pub fn wallet(&self, name: &str) -> PathBuf {
        self.chain.wallet_path(name)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        self.chain.address(name).to_string()
    }

    /// The escrow program's address.
    #[must_use]
    pub fn program(&self) -> String {
        self.chain.contract().program.id.to_string()
    }

    /// The transactions that touched the escrow of one of the buyer's jobs, oldest first, as the chain tells them.
    #[must_use]
    pub fn transactions(&self, job: &str) -> Vec<Value> {
        let hex = job.trim_start_matches("job_");
        let id: [u8; 16] =
            std::array::from_fn(|byte| u8::from_str_radix(&hex[2 * byte..2 * byte + 2], 16).unwrap());
        let program = self.chain.contract().program;
        self.chain.transactions(&program.escrow(&self.chain.address("buyer"), JobId(id)))
    }

    /// The USDC that a wallet has on the chain outside of the escrow, base units, as the chain tells it.
    #[must_use]
    pub fn tokens(&self, wallet: &str) -> u64 {
        let mint = json!({ "mint": self.chain.report["usdc"] });
        let how = json!({ "encoding": "jsonParsed", "commitment": "confirmed" });
        let told = self.chain.ask("getTokenAccountsByOwner", &json!([self.address(wallet), mint, how]));
        let amount = |account: &Value| {
            let amount = &account["account"]["data"]["parsed"]["info"]["tokenAmount"]["amount"];
            amount.as_str().unwrap().parse::<u64>().unwrap()
        };
        told["value"].as_array().unwrap().iter().map(amount).sum()
    }

    /// How the escrow of one of the buyer's jobs was closed, by the program's own words: once, if all is well.
    #[must_use]
    pub fn closings(&self, job: &str) -> Vec<Closed> {
        let program = self.chain.contract().program.id;
        let words = |told: &Value| -> Vec<String> {
            serde_json::from_value(told["meta"]["logMessages"].clone()).unwrap()
        };
        let events = self.transactions(job).into_iter().flat_map(|told| events_of(&words(&told), &program));
        let closed = |event| match event {
            Event::Settled { node, platform, refund, .. } => {
                Some(Closed::Paid { node: node.0, platform: platform.0, refund: refund.0 })
            }
            Event::GivenBack { amount, .. } => Some(Closed::GivenBack(amount.0)),
            _ => None,
        };
        events.filter_map(closed).collect()
    }

    /// A folder of the test's own.
    #[must_use]
    pub fn folder(&self, name: &str) -> PathBuf {
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
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(&self.settings);
        command
    }

    /// Starts it, or starts it again on what it kept.
    pub fn start(&mut self) {
        let mut command = self.command();
        command.arg("serve");
        let mut process = Process::start(command, &self.data.with_extension("log"));
        let ready = format!("http://127.0.0.1:{}/readyz", self.admin_port);
        process.until("the server is ready", || {
            Command::new("curl").args(["-sf", "-o", "/dev/null", &ready]).status().unwrap().success()
        });
        self.process = Some(process);
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// What it keeps.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where metrics and health are read.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin_port)
    }

    /// As a power cut would end it.
    pub fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// What an operator types.
    pub fn admin(&self, args: &[&str]) -> String {
        let output = self.command().arg("admin").args(args).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "admin {args:?}: {out}{err}");
        out.into_owned()
    }
}

/// The images that are here, as `./x images` made them: the small one, and with `--full` PyTorch's.
fn images() -> String {
    let python =
        std::env::var("CYXWIZ_IMAGE_PYTHON").expect("CYXWIZ_IMAGE_PYTHON is not set: run `./x test`");
    match std::env::var("CYXWIZ_IMAGE_PYTORCH") {
        Ok(pytorch) => format!("python={python},pytorch={pytorch}"),
        Err(_) => format!("python={python}"),
    }
}
