//! `--witness-url`: a second node is asked before money counts as moved. One of the two lies.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cyxwiz_chain::escrow::BalanceAccount;
use cyxwiz_chain::escrow::policy::{Amount, Balance};
use cyxwiz_chain::{Coin, Money};
use serde_json::{Value, json};
use solana_signature::Signature;
use tokio::runtime::Runtime;

use crate::support::books;
use crate::support::cli::{Cli, Said};
use crate::support::devnet::Devnet;
use crate::support::liar::Liar;

/// What is to be done where two nodes do not say the same.
const MEND: &str = "one of them is behind or lies: ask a third with --url before any more money moves";

/// Two USDC, by the node at `url`.
fn deposit(devnet: &Devnet, url: &str, witness: &str) -> Said {
    let keypair = devnet.wallet_path("buyer");
    let nodes = ["--url", url, "--witness-url", witness, "--witness-wait", "1"];
    Cli::new(&[&nodes[..], &["--keypair", keypair.to_str().unwrap()]].concat()).say("wallet deposit 2 USDC")
}

fn free(runtime: &Runtime, devnet: &Devnet) -> u64 {
    let (contract, buyer) = (devnet.contract(), devnet.address("buyer"));
    runtime.block_on(books(&devnet.rpc(), &contract, &buyer, Coin::Usdc)).0
}

/// The end of what was said on stderr, whose first lines tell of the way there.
fn error(said: &Said) -> &str {
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    said.err.lines().last().unwrap()
}

#[test]
fn a_deposit_counts_when_both_nodes_have_it() {
    let (devnet, runtime) = (Devnet::start(50), Runtime::new().unwrap());
    let witness = runtime.block_on(Liar::start(devnet.rpc_port, |_, _| None));
    let said = deposit(&devnet, &devnet.url(), &witness.url());
    assert_eq!((said.code, said.out.as_str()), (0, "deposited 2 USDC; free for jobs: 2 USDC"), "{said:?}");
}

#[test]
fn a_node_of_another_chain_is_no_witness() {
    let (devnet, runtime) = (Devnet::start(50), Runtime::new().unwrap());
    let other = |method: &str, _: &Value| {
        (method == "getGenesisHash").then(|| json!("4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY"))
    };
    let witness = runtime.block_on(Liar::start(devnet.rpc_port, other)).url();
    let said = deposit(&devnet, &devnet.url(), &witness);
    let url = devnet.url();
    let wanted = format!(
        "error: {url} and {witness} are not of one chain: name two nodes of one chain with --url and --witness-url"
    );
    assert_eq!(error(&said), wanted);
    assert_eq!(free(&runtime, &devnet), 0);
}

#[test]
fn a_deposit_that_never_reached_the_chain_does_not_count() {
    let (devnet, runtime) = (Devnet::start(50), Runtime::new().unwrap());
    let sent = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&sent);
    // says that it landed, and keeps it
    let tale = move |method: &str, params: &Value| match method {
        "sendTransaction" => {
            let wire = BASE64_STANDARD.decode(params[0].as_str().unwrap()).unwrap();
            let signature = Signature::try_from(&wire[1..65]).unwrap();
            *kept.lock().unwrap() = Some(signature);
            Some(json!(signature.to_string()))
        }
        "getSignatureStatuses" => {
            let seen = json!({
                "slot": 1, "confirmations": null, "err": null, "status": { "Ok": null },
                "confirmationStatus": "finalized",
            });
            Some(json!({ "context": { "slot": 1 }, "value": [seen] }))
        }
        _ => None,
    };
    let url = runtime.block_on(Liar::start(devnet.rpc_port, tale)).url();
    let witness = devnet.url();
    let said = deposit(&devnet, &url, &witness);
    let signature = sent.lock().unwrap().unwrap();
    let wanted = format!("error: {url} says that {signature} landed, {witness} does not: {MEND}");
    assert_eq!(error(&said), wanted);
    assert_eq!(free(&runtime, &devnet), 0);
}

#[test]
fn books_that_two_nodes_tell_differently_are_not_believed() {
    let runtime = Runtime::new().unwrap();
    for (told, wanted) in [
        ((5_000_000, 0), "5 USDC are free for jobs by one, 2 USDC by the other"),
        ((2_000_000, 1), "0.000001 USDC are behind jobs by one, 0 USDC by the other"),
    ] {
        let devnet = Devnet::start(50);
        let (contract, owner) = (devnet.contract(), devnet.address("buyer"));
        let mint = contract.mint(Coin::Usdc);
        let address = contract.program.balance(&owner, &mint).to_string();
        let (free_told, locked) = (Amount(told.0), Amount(told.1));
        let balance = Balance { owner, mint, free: free_told, locked };
        let account = BalanceAccount { bump: 255, vault_bump: 255, balance };
        let account = json!({
            "lamports": 1_503_360, "owner": contract.program.id.to_string(), "executable": false,
            "rentEpoch": 0, "space": BalanceAccount::LEN,
            "data": [BASE64_STANDARD.encode(account.encode()), "base64"],
        });
        let tale = move |method: &str, params: &Value| {
            let asked = method == "getMultipleAccounts" && params[0] == json!([address]);
            asked.then(|| json!({ "context": { "slot": 1 }, "value": [account] }))
        };
        let url = runtime.block_on(Liar::start(devnet.rpc_port, tale)).url();
        let witness = devnet.url();
        let said = deposit(&devnet, &url, &witness);
        assert_eq!(error(&said), format!("error: {url} and {witness} disagree: {wanted}: {MEND}"));
        // it did land: the lie was about the books
        assert_eq!(free(&runtime, &devnet), Money::parse("2", Coin::Usdc).unwrap().amount.0);
    }
}
