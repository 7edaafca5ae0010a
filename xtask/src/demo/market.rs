//! `./x demo market`: the whole of it on one machine, with nothing faked.
//!
//! ```text
//! containers, image ─► chain (program, wallets) ─► server (its own PostgreSQL) ─► seller's node ─► buyer
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::Value;

use super::background::Background;
use crate::cmd::{cargo, cmd, output, run as run_command, succeeds};
use crate::images::Image;
use crate::place::Place;
use crate::{containers, devnet, images};

/// Ports of the demo's own, so that it disturbs no chain or server that runs.
const RPC: u16 = 18_899;
const WS: u16 = 18_900;
const SERVER: u16 = 18_420;
const ADMIN: u16 = 18_421;
/// Time between two looks at the node's status.
const LOOK: Duration = Duration::from_millis(600);

/// What is trained.
#[derive(Args)]
pub(crate) struct Options {
    /// Train the digits with PyTorch, too; its image takes minutes to make the first time
    #[arg(long)]
    pytorch: bool,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let build =
        ["build", "--release", "--locked", "-p", "cyxwiz-server", "-p", "cyxwiz-node", "-p", "cyxwiz-engine"];
    run_command(&mut cargo(&place.root, build))?;
    let chain = devnet::build(place, true)?;
    let engine = containers::ensure(place)?;
    let python = images::ensure(place, &engine.engine, Image::Python, false)?;
    let mut known = vec![format!("python={}", python.id)];
    if options.pytorch {
        let pytorch = images::ensure(place, &engine.engine, Image::Pytorch, false)?;
        known.push(format!("pytorch={}", pytorch.id));
    }

    // not in the cache: a PostgreSQL that gives up root cannot get through the home of root
    let home = std::env::temp_dir().join("cyxwiz-demo-market");
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(home.join("buyer"))?;
    let demo = Demo { place, home, images: known.join(","), docker: engine.engine.socket.clone() };
    let chain = demo.chain(&chain)?;
    let server = demo.server()?;
    let node = demo.node()?;
    let shown = demo.buy(options);
    drop((node, server, chain));
    shown?;
    println!("\nlogs       {}", demo.home.display());
    Ok(())
}

struct Demo<'a> {
    place: &'a Place,
    home: PathBuf,
    images: String,
    docker: PathBuf,
}

impl Demo<'_> {
    fn log(&self, name: &str) -> PathBuf {
        self.home.join(format!("{name}.log"))
    }

    fn wallet(&self, name: &str) -> PathBuf {
        self.home.join(format!("chain/wallets/{name}.json"))
    }

    fn rpc() -> String {
        format!("http://127.0.0.1:{RPC}")
    }

    fn url() -> String {
        format!("http://127.0.0.1:{SERVER}")
    }

    /// A chain with the escrow program, a test USDC and funded wallets.
    fn chain(&self, devnet: &devnet::Devnet) -> Result<Background> {
        println!("# a Solana chain on this machine, with the escrow program\n$ ./x devnet &");
        let mut command = cmd(&devnet.binary, ["run", "--output", "json"]);
        command.arg("--state").arg(self.home.join("chain")).arg("--program").arg(&devnet.program);
        command.args(["--rpc-port", &RPC.to_string(), "--ws-port", &WS.to_string()]);
        let mut chain = Background::start("chain", command, &self.log("chain"))?;
        let report: Value = serde_json::from_str(&chain.said("\"program\"")?)?;
        println!("program {}, chain {}", text(&report, "program"), text(&report, "chain"));
        Ok(chain)
    }

    fn server_command(&self) -> Command {
        let mut command = cmd(self.place.binary("release", "cyxwiz-server"), [] as [&str; 0]);
        command
            .env("CYXWIZ_DATA", self.home.join("server"))
            .env("CYXWIZ_LISTEN", format!("127.0.0.1:{SERVER}"))
            .env("CYXWIZ_ADMIN_LISTEN", format!("127.0.0.1:{ADMIN}"))
            .env("CYXWIZ_RPC_URL", Self::rpc())
            .env("CYXWIZ_SETTLE_KEY", self.wallet("settle"))
            .env("CYXWIZ_DISPUTE_WINDOW_SECONDS", "3")
            .env("CYXWIZ_IMAGES", &self.images);
        command
    }

    /// The platform, with a PostgreSQL of its own.
    fn server(&self) -> Result<Background> {
        println!("\n# the platform: a server with a PostgreSQL of its own, and a price list");
        println!("$ cyxwiz-server serve &");
        let mut command = self.server_command();
        command.arg("serve");
        let mut server = Background::start("server", command, &self.log("server"))?;
        let ready = format!("http://127.0.0.1:{ADMIN}/readyz");
        server.until(|| succeeds(&mut cmd("curl", ["-sf", "-o", "/dev/null", &ready])).then_some(()))?;
        for args in [&["admin", "price", "set", "cpu", "0.05"][..], &["admin", "sol-rate", "set", "163.27"]] {
            say("cyxwiz-server", self.server_command(), args)?;
        }
        Ok(server)
    }

    fn node_command(&self) -> Command {
        let mut command = cmd(self.place.binary("release", "cyxwiz-node"), [] as [&str; 0]);
        command.env("CYXWIZ_NODE_HOME", self.home.join("node"));
        command
    }

    /// A seller: his machine is looked at, measured, and takes work.
    fn node(&self) -> Result<Background> {
        println!("\n# a seller offers his machine");
        let wallet = output(&mut self.buyer_command("seller", &["wallet", "address"]))?;
        let (server, wallet) = (Self::url(), wallet.trim());
        let docker = self.docker.display().to_string();
        let install = ["install", "--server", &server, "--wallet", wallet, "--min-price", "0.05"];
        let install = [&install[..], &["--no-service", "--container-socket", &docker]].concat();
        say("cyxwiz-node", self.node_command(), &install)?;
        println!("\n$ cyxwiz-node run &");
        let mut command = self.node_command();
        command.arg("run");
        let mut node = Background::start("node", command, &self.log("node"))?;
        node.until(|| {
            // each look signs in, and a server counts that
            std::thread::sleep(LOOK);
            let mut status = self.node_command();
            let status: Value =
                serde_json::from_str(&output(status.args(["status", "-o", "json"])).ok()?).ok()?;
            (status.pointer("/server/available") == Some(&Value::Bool(true))).then_some(())
        })?;
        say("cyxwiz-node", self.node_command(), &["status"])?;
        Ok(node)
    }

    fn buyer_command(&self, wallet: &str, args: &[&str]) -> Command {
        let mut command = cmd(self.place.binary("release", "cyxwiz"), args);
        command
            .env("HOME", self.home.join("buyer"))
            .env("XDG_CONFIG_HOME", self.home.join("buyer/.config"))
            .env("CYXWIZ_KEYPAIR", self.wallet(wallet))
            .env("CYXWIZ_URL", Self::rpc())
            .env("CYXWIZ_SERVER", Self::url())
            .current_dir(&self.place.root);
        command
    }

    fn buyer(&self, args: &[&str]) -> Result<()> {
        println!("\n$ cyxwiz {}", args.join(" "));
        run_command(&mut self.buyer_command("buyer", args))
    }

    /// A buyer: signs in, pays in, has a job run, fetches what it made.
    fn buy(&self, options: &Options) -> Result<()> {
        println!("\n# a buyer has a job run");
        self.buyer(&["login"])?;
        self.buyer(&["wallet", "deposit", "5", "USDC"])?;
        self.train("examples/weather", "python", &[])?;
        if options.pytorch {
            self.train("examples/digits", "pytorch", &["--no-data"])?;
        }
        println!("\n# a job that fails costs nothing");
        let fails = self.home.join("fails");
        fs::create_dir_all(&fails)?;
        fs::write(fails.join("training_script.py"), "raise SystemExit('no such model')\n")?;
        let fails = fails.display().to_string();
        println!(
            "\n$ cyxwiz submit ./fails --yes --image python --no-data --disk 1 --gpu-type cpu --max-price 0.10 --timeout 60"
        );
        let args = ["submit", &fails, "--yes", "--image", "python", "--no-data", "--disk", "1"];
        let args = [&args[..], &["--gpu-type", "cpu", "--max-price", "0.10", "--timeout", "60"]].concat();
        anyhow::ensure!(!succeeds(&mut self.buyer_command("buyer", &args)), "a job that fails must say so");

        println!("\n# both sides see the same numbers");
        self.buyer(&["jobs"])?;
        self.buyer(&["wallet", "balance"])?;
        self.buyer(&["wallet", "history"])?;
        say("cyxwiz-node", self.node_command(), &["earnings"])
    }

    fn train(&self, job: &str, image: &str, more: &[&str]) -> Result<()> {
        self.buyer(&[&["submit", job, "--image", image, "--yes", "--disk", "1"], more].concat())?;
        let jobs = output(&mut self.buyer_command("buyer", &["jobs", "-o", "json"]))?;
        let jobs: Value = serde_json::from_str(&jobs)?;
        let newest = jobs.pointer("/jobs/0/id").and_then(Value::as_str).context("the job is not listed")?;
        let to = self.home.join("results").join(Path::new(job).file_name().context("a job has a name")?);
        self.buyer(&["results", newest, "--to", &to.to_string_lossy()])
    }
}

/// Shows a command and what it prints.
fn say(name: &str, mut command: Command, args: &[&str]) -> Result<()> {
    println!("\n$ {name} {}", args.join(" "));
    run_command(command.args(args))
}

fn text<'a>(report: &'a Value, name: &str) -> &'a str {
    report.get(name).and_then(Value::as_str).unwrap_or_default()
}
