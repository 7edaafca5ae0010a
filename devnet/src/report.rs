//! Where everything is.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Output;

/// The addresses, as they are printed and kept.
pub(crate) struct Report(Value);

/// A wallet in the report.
pub(crate) struct Wallet {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) keypair: String,
}

/// The facts of a report.
pub(crate) struct Facts {
    pub(crate) chain: &'static str,
    pub(crate) rpc_port: u16,
    pub(crate) ws_port: u16,
    pub(crate) program: String,
    pub(crate) deployed: &'static str,
    pub(crate) usdc: String,
    pub(crate) wallets: Vec<Wallet>,
}

impl Report {
    pub(crate) fn new(facts: &Facts) -> Self {
        let wallets: serde_json::Map<_, _> = facts
            .wallets
            .iter()
            .map(|wallet| {
                let value = json!({ "address": wallet.address, "keypair": wallet.keypair });
                (wallet.name.to_owned(), value)
            })
            .collect();
        Self(json!({
            "chain": facts.chain,
            "rpc": format!("http://127.0.0.1:{}", facts.rpc_port),
            "ws": format!("ws://127.0.0.1:{}", facts.ws_port),
            "pid": std::process::id(),
            "program": facts.program,
            "deployed": facts.deployed,
            "usdc": facts.usdc,
            "wallets": wallets,
        }))
    }

    pub(crate) fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text).map(Self).context("the addresses cannot be read")
    }

    pub(crate) fn json(&self) -> Result<String> {
        serde_json::to_string(&self.0).context("the addresses cannot be written")
    }

    pub(crate) fn print(&self, output: Output) -> Result<()> {
        match output {
            Output::Json => println!("{}", self.json()?),
            Output::Human => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                for name in ["chain", "rpc", "ws", "program", "deployed", "usdc"] {
                    println!("{name:<10}{}", self.0.get(name).map(text).unwrap_or_default());
                }
                for (name, wallet) in self.0.get("wallets").and_then(Value::as_object).into_iter().flatten() {
                    let part = |key| wallet.get(key).map(text).unwrap_or_default();
                    println!("{name:<10}{:<46}{}", part("address"), part("keypair"));
                }
            }
        }
        Ok(())
    }
}
