//! Each mistake of a buyer is one line that names the mend, and costs nothing.

use cyxwiz_proto::v1::{NearMiss, Offer};

use crate::support::cli::Cli;
use crate::support::devnet::{Devnet, free_port};
use crate::support::market::{Market, at, millis};

fn last(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn mistakes_cost_one_line() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let cli = Cli::of(&devnet, &market, "buyer");
    let (url, owner) = (market.url(), devnet.address("buyer"));
    cli.job(&[("training_script.py", b"1\n"), ("data/x", b"1")]);
    let expect = |verb: &str, code: i32, wanted: &str| {
        let said = cli.say(verb);
        assert_eq!((said.code, last(&said.err), said.out.as_str()), (code, wanted, ""), "{verb}");
        assert!(market.state().jobs.is_empty());
    };
    expect(
        "submit ./nowhere --yes",
        2,
        "error: there is no `./nowhere`: name the job's folder, a .py or a .wasm file",
    );
    expect("submit ./job --yes --timeout 1h", 2, "error: --timeout is \"1h\": write seconds, such as 3600");
    expect("submit ./job --yes", 1, &format!("error: {owner} is not signed in at {url}: run `cyxwiz login`"));
    cli.ok("login");
    // no money in the balance
    expect(
        "submit ./job --yes --gpu-type cpu",
        1,
        "error: 0 USDC are free for jobs, this one needs 0.05 USDC: run `cyxwiz wallet deposit 0.05 USDC`",
    );
    // nor in the wallet
    market.state().price = Some(900_000_000);
    let needs = 900 * 24;
    expect(
        "submit ./job --yes --gpu-type cpu --max-price 1000 --timeout 86400",
        1,
        &format!(
            "error: 0 USDC are free for jobs, this one needs {needs} USDC: send USDC to {owner}, then run `cyxwiz wallet deposit {needs} USDC`"
        ),
    );
    // a price under every offer
    market.state().price = None;
    market.state().estimate.no_match = "3 offers match but for their price".to_owned();
    market.state().estimate.nearest = vec![NearMiss {
        offer: Offer { gpu_type: "cpu".to_owned(), micro_usd_per_hour: 50_000, ..Default::default() }.into(),
        lacks: "it costs 0.05 $/h, max_price is 0.01 $/h".to_owned(),
        ..Default::default()
    }];
    let said = cli.say("submit ./job --yes --max-price 0.01");
    assert!(said.err.contains("it costs 0.05 $/h, max_price is 0.01 $/h"), "{said:?}");
    expect(
        "submit ./job --yes --max-price 0.01",
        1,
        "error: nothing matches this job: 3 offers match but for their price: ask for less, or pay more with --max-price",
    );
    // a server that quotes what was not asked for
    market.state().price = Some(2_000_000);
    expect(
        "submit ./job --yes",
        1,
        "error: the server quotes 2.00 $/h, above the limit of 1.00 $/h: nothing was signed",
    );
    market.state().price = Some(50_000);
    market.state().platform.paused = true;
    expect(
        "submit ./job --yes",
        1,
        &format!(
            "error: the server at {url} takes no new jobs now: try again later; what is in the balance can be withdrawn at any time"
        ),
    );
    for verb in ["watch", "show", "results", "cancel", "dispute"] {
        let reason = if verb == "dispute" { " wrong" } else { "" };
        let wanted = "error: `job_1` is no job's id: it is job_ and 32 hex digits, see `cyxwiz jobs`";
        expect(&format!("{verb} job_1{reason}"), 2, wanted);
        let none = "job_00000000000000000000000000000001";
        expect(&format!("{verb} {none}{reason}"), 1, "error: you have no such job: see `cyxwiz jobs`");
    }
    let said = cli.say("jobs --state done");
    assert!(said.err.contains("`done` is no state of a job: take draft, funded, queued"), "{said:?}");
}

#[test]
fn a_wallet_without_sol_gets_one_line() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let rich = Cli::of(&devnet, &market, "buyer");
    rich.ok("login");
    rich.job(&[("training_script.py", b"1\n")]);
    rich.ok("wallet deposit 1 USDC");
    // everything but a little SOL goes into the balance
    let has: u64 = rich.json("wallet balance")["coins"][0]["wallet"].as_str().unwrap().parse().unwrap();
    let rest = has - 4_800_000;
    rich.ok(&format!("wallet deposit {}.{:09} SOL", rest / 1_000_000_000, rest % 1_000_000_000));
    let said = rich.say("submit ./job --yes --detach --no-data --gpu-type cpu");
    assert_eq!(said.code, 1, "{said:?}");
    let owner = devnet.address("buyer");
    let line = last(&said.err);
    assert!(line.contains("SOL, fees and deposits for new accounts need 0.00"), "{said:?}");
    assert!(line.ends_with(&format!(": send SOL to {owner}")), "{said:?}");
    assert!(market.state().jobs.is_empty());
}

#[test]
fn server_and_wallet_must_mean_the_same_chain() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let cli = Cli::of(&devnet, &market, "buyer");
    let url = market.url();
    cli.job(&[("training_script.py", b"1\n")]);
    market.state().platform.cluster = "mainnet".to_owned();
    let wanted = format!(
        "error: the server at {url} is on mainnet, this wallet on localnet: say --cluster mainnet, or name another with --server"
    );
    assert_eq!(cli.say("login").err, wanted);
    market.state().platform.cluster = "localnet".to_owned();
    cli.ok("login");
    let other = "CKQsPoQFkyVPgLHgshmYEEvh6DEXmhMqtCTDjnyRHjJA";
    market.state().platform.program = other.to_owned();
    let program = devnet.contract().program.id;
    let said = cli.say("submit ./job --yes --no-data");
    let wanted = format!(
        "error: the server at {url} uses the escrow program {other}, this wallet {program}: say --program {other} if you trust that server, or name another with --server"
    );
    assert_eq!(said.err, wanted);
    assert!(market.state().jobs.is_empty());
}

#[test]
fn a_wrong_clock_is_told_and_harms_nothing() {
    let market = Market::without_chain();
    let (cli, _) = Cli::alone(&market);
    market.state().platform.now = at(millis() + 30 * 60_000).into();
    let said = cli.say("login");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("this machine's clock is 30 minutes behind the server's"), "{said:?}");
}

#[test]
fn nobody_answers() {
    let cli = Cli::new(&["--server", &format!("http://127.0.0.1:{}", free_port())]);
    cli.json("wallet new");
    let said = cli.say("login");
    assert_eq!(said.code, 3, "{said:?}");
    let first = said.err.lines().next().unwrap();
    assert!(first.starts_with("error: no server answers at http://127.0.0.1:"), "{said:?}");
    assert!(first.ends_with("look at the connection, or name another with --server"), "{said:?}");
    let said = Cli::new(&["--server", "http://market.example"]).say("jobs");
    assert!(said.err.contains("no keypair at"), "{said:?}");
    let cli = Cli::new(&["--server", "http://market.example"]);
    cli.json("wallet new");
    let wanted = "error: `http://market.example` would send your session in clear over the network: write https://, or say --insecure-plaintext";
    let said = cli.say("jobs");
    assert_eq!((said.code, said.err.as_str()), (2, wanted));
}

#[test]
fn shells_are_helped() {
    let cli = Cli::new(&[]);
    for shell in ["bash", "zsh", "fish", "powershell"] {
        assert!(cli.ok(&format!("completions {shell}")).contains("submit"));
    }
}
