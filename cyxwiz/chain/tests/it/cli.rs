//! `cyxwiz wallet` as a person types it.

use std::fs;

use serde_json::json;
use solana_signer::Signer as _;

use crate::support::cli::Cli;
use crate::support::devnet::{Devnet, free_port};

/// Lamports for one signature.
const FEE: u64 = 5_000;

#[test]
fn money_goes_in_and_comes_out() {
    let devnet = Devnet::start(50);
    let (cli, rpc) = (Cli::of(&devnet, &devnet.wallet_path("buyer")), devnet.rpc());
    let (owner, runtime) = (devnet.address("buyer"), tokio::runtime::Runtime::new().unwrap());
    let address = owner.to_string();
    assert_eq!(cli.say("wallet address").out, address);

    let said = cli.say("wallet deposit 25.5 USDC");
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "deposited 25.5 USDC; free for jobs: 25.5 USDC"),
        "{said:?}"
    );
    let done = cli.json("wallet withdraw 5.000001 usdc");
    assert_eq!(done["free"]["base_units"], "20499999");
    assert_eq!(done["amount"]["base_units"], "5000001");
    assert_eq!(done["amount"]["decimals"], 6);
    assert_eq!(cli.say("wallet deposit 0.25 sol").code, 0);
    let said = cli.say("wallet withdraw 0.1 SOL");
    assert_eq!((said.code, said.out.as_str()), (0, "withdrew 0.1 SOL; free for jobs: 0.15 SOL"), "{said:?}");
    let before = runtime.block_on(rpc.lamports(&owner)).unwrap().0;
    let done = cli.json("wallet withdraw 0.000000001 SOL");
    assert_eq!((&done["amount"]["base_units"], &done["amount"]["decimals"]), (&json!("1"), &json!(9)));
    assert_eq!(done["free"]["base_units"], "149999999");
    let after = runtime.block_on(rpc.lamports(&owner)).unwrap().0;
    assert_eq!(before - after, FEE - 1);

    let shown = cli.json("wallet balance");
    assert_eq!(shown["address"], address.as_str());
    let usdc = &shown["coins"][1];
    assert_eq!((&usdc["free"], &usdc["locked"]), (&json!("20499999"), &json!("0")));
    assert_eq!(usdc["wallet"], "9979500001");
    assert_eq!(shown["coins"][0]["free"], "149999999");
    let table = cli.say("wallet balance").out;
    assert!(table.contains("free for jobs"), "{table}");
    assert!(table.lines().any(|line| line.starts_with("USDC") && line.contains("20.499999")), "{table}");

    let history = cli.json("wallet history");
    let events = history.as_array().unwrap().iter().map(|entry| {
        let event = &entry["events"][0];
        ["event", "coin", "base_units"].map(|key| event[key].as_str().unwrap().to_owned())
    });
    // the newest first
    assert_eq!(
        events.collect::<Vec<_>>(),
        [
            ["withdrawn", "SOL", "1"],
            ["withdrawn", "SOL", "100000000"],
            ["deposited", "SOL", "250000000"],
            ["withdrawn", "USDC", "5000001"],
            ["deposited", "USDC", "25500000"],
        ]
    );
    let table = cli.say("wallet history").out;
    assert!(table.contains("withdrew 5.000001 USDC"), "{table}");
}

#[test]
fn mistakes_cost_one_line_that_names_the_mend() {
    let devnet = Devnet::start(50);
    let buyer = Cli::of(&devnet, &devnet.wallet_path("buyer"));
    let expect = |cli: &Cli, verb: &str, code, wanted: &str| {
        let said = cli.say(verb);
        assert_eq!((said.code, said.err.as_str(), said.out.as_str()), (code, wanted, ""), "{verb}");
    };
    let address = devnet.address("buyer");
    expect(
        &buyer,
        "wallet deposit 0.0000001 USDC",
        2,
        "error: `0.0000001` has 7 decimal places, USDC has 6: write fewer",
    );
    expect(&buyer, "wallet deposit 1 DOGE", 2, "error: no coin is called `DOGE`: take SOL or USDC");
    expect(
        &buyer,
        "wallet deposit 10000.01 USDC",
        1,
        &format!("error: {address} has 10000 USDC, this needs 10000.01 USDC: send USDC to {address}"),
    );
    expect(
        &buyer,
        "wallet withdraw 1 USDC",
        1,
        "error: 0 USDC of the balance are free, 1 USDC are asked for: ask for less",
    );
    expect(
        &buyer,
        "wallet balance --cluster mainnet",
        2,
        "error: the escrow program has no address on mainnet yet: name one with --program",
    );
    expect(
        &buyer,
        "wallet balance --cluster mainnet --program 3bZfGb1jiNT2me8mVEgX1c5zVrck9xHtsNQ2vrC8GBSe",
        1,
        &format!(
            "error: the chain at {} is localnet, not mainnet: name an RPC of mainnet with --url",
            devnet.url()
        ),
    );
    expect(
        &buyer,
        "wallet deposit 1 USDC --program CKQsPoQFkyVPgLHgshmYEEvh6DEXmhMqtCTDjnyRHjJA",
        1,
        "error: there is no escrow program at CKQsPoQFkyVPgLHgshmYEEvh6DEXmhMqtCTDjnyRHjJA on localnet: start the chain with `./x devnet`, which deploys it",
    );
    let poor = Cli::new(&["--url", &devnet.url()]);
    let path = poor.home().join(".config/solana/id.json");
    expect(
        &poor,
        "wallet address",
        1,
        &format!(
            "error: no keypair at `{}`: make one with `cyxwiz wallet new`, or name one with --keypair",
            path.display()
        ),
    );
    let made = poor.json("wallet new");
    let owner = made["address"].as_str().unwrap();
    assert_eq!(made["keypair"], path.display().to_string());
    assert_eq!(poor.say("wallet address").out, owner);
    expect(
        &poor,
        "wallet new",
        1,
        &format!("error: `{}` exists already: name another file with --keypair", path.display()),
    );
    let said = poor.say("wallet deposit 1 SOL");
    assert!(said.err.starts_with(&format!("error: {owner} has 0 SOL, this needs 1.00")), "{said:?}");
    assert!(said.err.ends_with(&format!("SOL: send SOL to {owner}")), "{said:?}");
    fs::write(&path, "[1,2]").unwrap();
    expect(
        &poor,
        "wallet address",
        1,
        &format!("error: `{}` is no keypair file as solana-keygen writes it", path.display()),
    );
}

#[test]
fn a_wallet_with_usdc_and_no_sol_gets_one_line() {
    let devnet = Devnet::start(50);
    let cli = Cli::new(&["--url", &devnet.url()]);
    let owner = cli.json("wallet new")["address"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use cyxwiz_chain::{Coin, Draft, Money};
        let (rpc, contract, seller) = (devnet.rpc(), devnet.contract(), devnet.wallet("seller"));
        let to = owner.parse().unwrap();
        // through the balance of somebody else: a token transfer needs no code of ours
        let account = contract.purse(&to, Coin::Usdc);
        let cyxwiz_chain::escrow::build::Purse::Tokens { account, .. } = account else { panic!() };
        let from = rpc.tokens(&contract, &seller.pubkey()).await.unwrap().account;
        let token = cyxwiz_chain::escrow::TOKEN_PROGRAM;
        let create =
            spl_associated_token_account_interface::instruction::create_associated_token_account_idempotent(
                &seller.pubkey(),
                &to,
                &contract.usdc,
                &token,
            );
        let mut data = vec![3];
        data.extend(Money::new(Coin::Usdc, 9_000_000).amount.0.to_le_bytes());
        let metas = vec![
            solana_instruction::AccountMeta::new(from, false),
            solana_instruction::AccountMeta::new(account, false),
            solana_instruction::AccountMeta::new_readonly(seller.pubkey(), true),
        ];
        let transfer = solana_instruction::Instruction { program_id: token, accounts: metas, data };
        let draft = Draft { payer: seller.pubkey(), instructions: vec![create, transfer] };
        crate::support::land(&rpc, &draft, &[&seller]).await;
    });
    let said = cli.say("wallet deposit 9 USDC");
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .starts_with(&format!("error: {owner} has 0 SOL, fees and deposits for new accounts need 0.00")),
        "{said:?}"
    );
    assert!(said.err.ends_with(&format!(": send SOL to {owner}")), "{said:?}");
    assert_eq!(said.err.lines().count(), 1);
}

#[test]
fn nothing_answers() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let cli = Cli::new(&["--url", &url]);
    cli.json("wallet new");
    let said = cli.say("wallet balance");
    let first = format!(
        "error: nothing answers at {url}: start a chain with `./x devnet`, or name another with --cluster or --url"
    );
    assert_eq!((said.code, said.err.lines().next()), (3, Some(first.as_str())), "{said:?}");
}

#[test]
fn a_deposit_that_was_cut_off_is_not_repeated_by_mistake() {
    use cyxwiz_chain::{Coin, Ledger as _, Money};

    let devnet = Devnet::start(50);
    let cli = Cli::of(&devnet, &devnet.wallet_path("buyer"));
    // what the command leaves when it is killed between recording and hearing of the end
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let buyer = devnet.wallet("buyer");
    let signed = runtime.block_on(async {
        let (rpc, contract) = (devnet.rpc(), devnet.contract());
        let draft = contract.deposit(buyer.pubkey(), Money::new(Coin::Usdc, 3_000_000));
        let signed = draft.sign(rpc.lifetime().await.unwrap(), &[&buyer]).unwrap();
        assert!(matches!(rpc.send(&signed).await, cyxwiz_chain::Reply::Accepted));
        signed
    });
    let dir = cli.home().join(".local/state/cyxwiz/pending");
    fs::create_dir_all(&dir).unwrap();
    let program = devnet.contract().program.id;
    let file = dir.join(format!("localnet-{program}-{}.json", buyer.pubkey()));
    fs::write(&file, json!({ "what": "deposit 3 USDC", "signed": signed }).to_string()).unwrap();

    let said = cli.say("wallet deposit 4 USDC");
    assert_eq!(said.out, "deposited 4 USDC; free for jobs: 7 USDC", "{said:?}");
    let told =
        format!("an earlier command was cut off: deposit 3 USDC\n  it did happen ({})", signed.signature());
    assert!(said.err.starts_with(&told), "{said:?}");
    assert!(!file.exists());
}
