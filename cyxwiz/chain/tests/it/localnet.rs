//! The local chain as a command: started, started again, stopped; what stands on it then.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};

use cyxwiz_chain::escrow::policy::Amount;
use cyxwiz_chain::escrow::{LOADER, TOKEN_PROGRAM};
use cyxwiz_chain::{Coin, Money};
use serde_json::Value;
use solana_signer::Signer as _;

use crate::support::devnet::{Devnet, binary};
use crate::support::{books, land};

/// Exit code, standard output, standard error.
fn say(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[test]
fn it_starts_once_stops_cleanly_and_stands_when_it_comes_back() {
    let mut devnet = Devnet::start(50);
    let first = devnet.report.clone();
    let state = devnet.state().display().to_string();

    // a second start finds the first
    let (code, out, err) = say(&mut devnet.run_command());
    assert_eq!((code, err), (0, format!("runs already on {state}")));
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), first);

    let (code, out, err) = say(&mut devnet.stop_command());
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "stopped"));
    assert!(devnet.ended().success());
    assert!(is_free(devnet.rpc_port) && is_free(devnet.ws_port));

    let (code, out, err) = say(&mut devnet.stop_command());
    assert_eq!((code, out, err), (1, String::new(), format!("error: nothing runs on `{state}`")));

    devnet.restart();
    assert_eq!(devnet.report["deployed"], "stood there already");
    for same in ["rpc", "ws", "program", "usdc", "wallets"] {
        assert_eq!(devnet.report[same], first[same], "{same}");
    }
    let (code, ..) = say(&mut devnet.stop_command());
    assert_eq!(code, 0);
    assert!(devnet.ended().success());
}

#[tokio::test]
async fn its_wallets_and_its_mint_are_as_promised() {
    let devnet = Devnet::start(50);
    let (rpc, contract) = (devnet.rpc(), devnet.contract());
    for (name, tokens) in [
        ("deployer", None),
        ("admin", None),
        ("settle", None),
        ("treasury", None),
        ("buyer", Some(Amount(10_000_000_000))),
        ("seller", Some(Amount(10_000_000_000))),
    ] {
        let wallet = devnet.wallet(name).pubkey();
        assert_eq!(devnet.report["wallets"][name]["address"], wallet.to_string());
        let lamports = rpc.lamports(&wallet).await.unwrap().0;
        // those two paid for what stands on the chain
        let least = if ["deployer", "admin"].contains(&name) { 90_000_000_000 } else { 100_000_000_000 };
        assert!((least..=100_000_000_000).contains(&lamports), "{name}: {lamports}");
        assert_eq!(rpc.tokens(&contract, &wallet).await.unwrap().amount, tokens, "{name}");
    }
    let (_, accounts) = rpc.accounts(&[contract.usdc]).await.unwrap();
    let mint = accounts[0].as_ref().unwrap();
    // supply 36..44, decimals 44, whether it is initialised 45
    assert_eq!((mint.owner, mint.data.len(), &mint.data[44..46]), (TOKEN_PROGRAM, 82, &[6, 1][..]));
    assert_eq!(mint.data[36..44], 20_000_000_000_u64.to_le_bytes());
    let config = rpc.config(&contract).await.unwrap();
    let named = [config.admin, config.settle_key, config.treasury];
    assert_eq!(named, ["admin", "settle", "treasury"].map(|name| devnet.address(name)));
    assert!(Coin::ALL.iter().all(|coin| config.mints.allows(contract.mint(*coin))));
}

#[tokio::test]
async fn another_build_replaces_the_program_and_the_money_stays() {
    let mut devnet = Devnet::start(50);
    let (rpc, contract, buyer) = (devnet.rpc(), devnet.contract(), devnet.wallet("buyer"));
    let deposit = contract.deposit(buyer.pubkey(), Money::new(Coin::Usdc, 7));
    land(&rpc, &deposit, &[&buyer]).await;
    // the same code, which the loader takes for another build
    let mut elf = fs::read(binary("CYXWIZ_ESCROW")).unwrap();
    elf.extend(b"another build");
    let program = devnet.state().join("another.so");
    fs::write(&program, &elf).unwrap();
    assert_eq!(say(&mut devnet.stop_command()).0, 0);
    assert!(devnet.ended().success());
    devnet.replace_program(program);
    devnet.restart();
    assert_eq!(devnet.report["deployed"], "upgraded by the loader");
    // the old one keeps a connection to the process that ended
    let rpc = devnet.rpc();
    let (_, accounts) = rpc.accounts(&[contract.program.data()]).await.unwrap();
    let data = accounts[0].as_ref().unwrap();
    // kind, slot, whether there is an authority, the authority: 45 bytes
    assert_eq!((data.owner, &data.data[13..45]), (LOADER, devnet.address("deployer").as_array().as_slice()));
    assert!(data.data[45..].starts_with(&elf));
    land(&rpc, &deposit, &[&buyer]).await;
    assert_eq!(books(&rpc, &contract, &buyer.pubkey(), Coin::Usdc).await, (14, 0));
}

#[test]
fn its_ports_are_those_that_solana_s_tools_expect() {
    let (code, help, _) = say(Command::new(binary("CYXWIZ_DEVNET")).args(["run", "--help"]));
    assert_eq!(code, 0);
    let default = |flag: &str| {
        let (_, after) = help.split_once(flag).unwrap();
        let (_, value) = after.split_once("[default: ").unwrap();
        value.split_once(']').unwrap().0.to_owned()
    };
    assert_eq!([default("--rpc-port"), default("--ws-port")], ["8899", "8900"]);
}
