use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::announce;
use super::json::{list, number, text};
use super::stage::{RPC, Stage, WS};
use crate::cmd::{cmd, output};
use crate::demo::background::Background;
use crate::devnet::Devnet;

/// A chain with the escrow program, a test USDC and funded wallets.
pub(super) struct Chain {
    _process: Background,
    report: Value,
}

impl Chain {
    pub(super) fn start(stage: &Stage, devnet: &Devnet) -> Result<Self> {
        announce(
            "a Solana chain on this machine, with the escrow program, a test USDC and wallets with money",
        );
        println!("$ ./x devnet &");
        let mut command = cmd(&devnet.binary, ["run", "--output", "json"]);
        command.arg("--state").arg(stage.home.join("chain")).arg("--program").arg(&devnet.program);
        command.args(["--rpc-port", &RPC.to_string(), "--ws-port", &WS.to_string()]);
        let mut process = Background::start("chain", command, &stage.log("chain"))?;
        let report: Value = serde_json::from_str(&process.said("\"program\"")?)?;
        println!("program {}, chain {}", text(&report, "/program")?, text(&report, "/chain")?);
        Ok(Self { _process: process, report })
    }

    pub(super) fn address(&self, wallet: &str) -> Result<&str> {
        text(&self.report, &format!("/wallets/{wallet}/address"))
    }

    /// The USDC that a wallet has outside of the escrow, base units, as the chain itself tells it.
    pub(super) fn tokens(&self, wallet: &str) -> Result<u64> {
        let mint = json!({ "mint": text(&self.report, "/usdc")? });
        let how = json!({ "encoding": "jsonParsed", "commitment": "confirmed" });
        let told = ask("getTokenAccountsByOwner", &json!([self.address(wallet)?, mint, how]))?;
        let amount = |account| number(account, "/account/data/parsed/info/tokenAmount/amount");
        list(&told, "/value")?.iter().map(amount).sum()
    }
}

/// A call of the chain's JSON-RPC, by nobody's library.
fn ask(method: &str, params: &Value) -> Result<Value> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let json = "Content-Type: application/json";
    let said = output(&mut cmd("curl", ["-sS", "-H", json, "-d", &body, &Stage::rpc()]))?;
    let mut answer: Value = serde_json::from_str(&said)?;
    ensure!(answer.get("error").is_none(), "{method}: {said}");
    answer.get_mut("result").map(Value::take).with_context(|| format!("{method} answered nothing: {said}"))
}
