use cyxwiz_chain::Coin;

use super::cli::Cli;
use super::devnet::Devnet;
use super::market::Market;

const SCRIPT: (&str, &[u8]) = ("training_script.py", b"print('hi')\n");
const CONFIG: (&str, &[u8]) = ("config.json", br#"{"gpu_type": "cpu", "max_price": 0.10, "timeout": 3600}"#);

/// A buyer who is signed in, with money and a job.
pub(crate) fn buyer(devnet: &Devnet, market: &Market, files: &[(&str, &[u8])]) -> Cli {
    let cli = Cli::of(devnet, market, "buyer");
    cli.ok("login");
    cli.ok("wallet deposit 5 USDC");
    cli.job(&[&[SCRIPT, CONFIG], files].concat());
    cli
}

/// What is free and what is locked of the buyer's, in USDC.
pub(crate) fn books(devnet: &Devnet) -> (u64, u64) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let owner = devnet.address("buyer");
        let balance = devnet.rpc().balance(&devnet.contract(), &owner, Coin::Usdc).await.unwrap().unwrap();
        (balance.free.0, balance.locked.0)
    })
}
