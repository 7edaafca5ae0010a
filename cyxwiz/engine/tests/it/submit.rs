//! From a folder to a place in the queue, with real money, over cuts.

use cyxwiz_chain::escrow::policy::JobId as EscrowJob;
use cyxwiz_proto::v1::{JobState, LogStream};

use crate::support::devnet::Devnet;
use crate::support::market::{Market, log, state};
use crate::support::market_end::{completed, refunded};
use crate::support::{books, buyer};

#[test]
fn a_job_is_shown_uploaded_paid_queued_and_followed() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let large = vec![7_u8; 3 << 20];
    let cli =
        buyer(&devnet, &market, &[("data/large.bin", &large), ("data/empty", b""), ("data/é.csv", b"1\n")]);
    market.state().script = vec![
        state(JobState::Running, "the script runs"),
        log(LogStream::LOG_STREAM_STDOUT, "hi\n"),
        log(LogStream::LOG_STREAM_STDERR, "a warning\n"),
    ];
    market.state().end = completed;
    let said = cli.say("submit ./job --yes");
    assert_eq!((said.code, said.out.as_str()), (0, "hi"), "{said:?}");
    let job = market.job();
    for part in [
        "job       job: training_script.py in pytorch",
        "files     5 files, 3.0 MiB",
        "price     0.05 $/h; a large cloud's 4 processors (2026-11-01) costs 0.20 $/h, 75 % less",
        "deposit   0.05 USDC for 1 h; what is not used comes back",
        "balance   5 USDC free for jobs",
        "uploaded 5 files",
        "set 0.05 USDC aside",
        &format!("queued as {}", job.id),
        &format!("come back with `cyxwiz watch {}`", job.id),
        "running  the script runs",
        "a warning",
        "completed: succeeded, exit code 0",
        "0.0009 USDC to the node, 0.0001 USDC to the platform; 0.049 USDC of 0.05 USDC came back",
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    // the money is where the chain says
    assert_eq!(books(&devnet), (4_950_000, 50_000));
    assert!(!job.open_signature.is_empty());
    // nothing is left over of it here
    let left = std::fs::read_dir(cli.home().join(".local/state/cyxwiz/submits")).unwrap().count();
    assert_eq!(left, 0);
    // the same again is another job
    cli.ok("submit ./job --yes --detach");
    assert_eq!(market.state().jobs.len(), 2);
    assert_eq!(books(&devnet), (4_900_000, 100_000));
}

#[test]
fn after_a_cut_the_same_command_goes_on() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let large: Vec<u8> = (0..5_u32 << 20).map(|byte| (byte % 251) as u8).collect();
    let cli = buyer(&devnet, &market, &[("data/large.bin", &large)]);
    // killed in the middle of the upload
    market.state().stall_after = Some(2 << 20);
    let running = cli.start("submit ./job --yes --detach");
    let far = |state: &crate::support::market::State| {
        state.uploads.values().any(|upload| upload.path == "data/large.bin" && upload.data.len() >= 2 << 20)
    };
    market.until(far);
    running.kill();
    assert_eq!(books(&devnet), (5_000_000, 0));
    market.state().stall_after = None;
    market.state().pieces.clear();
    // interrupted before it is queued, with the escrow open; a piece fails on the way
    market.state().broken_pieces = 1;
    market.state().late = 1000;
    let running = cli.start("submit ./job --yes --detach");
    market.until(|state| state.late < 1000);
    let said = running.interrupt();
    assert_eq!(said.code, 130, "{said:?}");
    assert!(said.err.contains("which an earlier command began"), "{said:?}");
    assert!(said.err.contains("run the same command again, it goes on from there"), "{said:?}");
    // it went on where the first one was killed
    let first = market
        .state()
        .pieces
        .iter()
        .filter(|(path, ..)| path == "data/large.bin")
        .map(|(_, at, _)| *at)
        .min();
    assert_eq!(first, Some(2 << 20));
    assert_eq!(books(&devnet), (4_950_000, 50_000));
    market.state().late = 0;
    market.state().pieces.clear();

    let said = cli.say("submit ./job --yes --detach");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.out, market.job().id);
    assert_eq!(market.state().pieces, []);
    // one job, paid for once
    assert_eq!(market.state().jobs.len(), 1);
    assert_eq!(books(&devnet), (4_950_000, 50_000));
}

#[test]
fn two_at_once_are_one_job() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let cli = buyer(&devnet, &market, &[("data/x", b"1")]);
    market.state().late = 1000;
    let running = cli.start("submit ./job --yes --detach");
    market.until(|state| state.late < 1000);
    let said = cli.say("submit ./job --yes --detach");
    let wanted =
        "error: another command submits this very job now: wait for it, or give this one another --name";
    assert_eq!((said.code, said.err.as_str()), (1, wanted));
    market.state().late = 0;
    assert_eq!(running.end().code, 0);
    assert_eq!(market.state().jobs.len(), 1);
}

#[test]
fn terms_that_are_not_ours_are_not_signed() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let cli = buyer(&devnet, &market, &[("data/x", b"1")]);
    let say = |change, wanted: &str| {
        market.state().terms = change;
        let said = cli.say("submit ./job --yes --detach");
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(wanted) && said.err.contains("nothing was signed"), "{said:?}");
        assert_eq!(books(&devnet), (5_000_000, 0));
    };
    say(|terms| terms.deposit *= 2, "names 0.1 USDC as the deposit of this job's escrow, 0.05 USDC is right");
    say(|terms| terms.limit *= 100, "as the limit of this job's escrow");
    say(|terms| terms.expire_at += 20 * 86_400, "this job's escrow would end in");
    say(|terms| terms.treasury = terms.settle_key.clone(), "as the treasury of this job's escrow");
    say(|terms| terms.fee_bps = 9_000, "as the platform's part of this job's escrow");
    market.state().terms = |_| {};
    cli.ok("submit ./job --yes --detach");
    assert_eq!(books(&devnet), (4_950_000, 50_000));
}

#[test]
fn a_smaller_deposit_may_be_topped_up_to_a_limit_and_sol_pays_too() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let cli = buyer(&devnet, &market, &[("data/x", b"1")]);
    cli.ok("submit ./job --yes --detach --deposit 0.01 --limit 0.03");
    let terms = market.job().terms.into_option().unwrap();
    assert_eq!((terms.deposit, terms.limit), (10_000, 30_000));
    let said = cli.say("submit ./job --yes --detach --limit 0.03");
    assert!(said.err.contains("the limit of 0.03 USDC is below the deposit of 0.05 USDC"), "{said:?}");
    cli.ok("wallet deposit 0.1 SOL");
    let said = cli.say("submit ./job --yes --detach --coin sol");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("set 0.0003125 SOL aside"), "{said:?}");
}

#[test]
fn what_was_set_aside_for_a_draft_comes_back_by_cancel() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let cli = buyer(&devnet, &market, &[("data/x", b"1")]);
    market.state().late = 1000;
    let said = cli.say("submit ./job --yes --detach");
    assert_eq!(said.code, 1, "{said:?}");
    let id = market.job().id;
    assert!(said.err.contains(&format!("take back what is set aside with `cyxwiz cancel {id}`")), "{said:?}");
    assert_eq!(books(&devnet), (4_950_000, 50_000));
    let said = cli.say(&format!("cancel {id}"));
    assert_eq!((said.code, said.out), (0, format!("{id} is cancelled; nothing is charged")));
    assert!(said.err.starts_with("what was set aside came back"), "{}", said.err);
    assert_eq!(books(&devnet), (5_000_000, 0));
    // and the same submit begins anew
    market.state().late = 0;
    cli.ok("submit ./job --yes --detach");
    assert_ne!(market.job().id, id);
    let escrow = EscrowJob(*market.job().id.parse::<cyxwiz_model::JobId>().unwrap().as_bytes());
    assert_ne!(escrow.0, [0; 16]);
}

#[test]
fn without_a_terminal_nobody_is_asked_and_nothing_is_bought() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let cli = buyer(&devnet, &market, &[("data/x", b"1")]);
    let said = cli.say("submit ./job");
    assert_eq!(said.code, 2);
    let last = said.err.lines().last().unwrap();
    assert_eq!(last, "error: nobody is asked here whether to go on: say --yes to submit without a terminal");
    assert!(market.state().jobs.is_empty());
    // an estimate asks nothing
    let out = cli.ok("estimate ./job");
    assert!(out.contains("price     0.05 $/h"), "{out}");
    let value = cli.json("estimate ./job");
    assert_eq!(
        (value["deposit"]["base_units"].as_str(), value["matching"].as_u64()),
        (Some("50000"), Some(1))
    );
    assert!(market.state().jobs.is_empty());
}

#[test]
fn a_program_alone_is_a_job_and_failures_have_their_own_exit_codes() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let cli = buyer(&devnet, &market, &[]);
    std::fs::write(cli.home().join("prog.wasm"), b"\0asm\x01\0\0\0").unwrap();
    market.state().end = refunded;
    let said = cli.say("submit prog.wasm --yes --deterministic -- --seed 7");
    assert_eq!(said.code, 10, "{said:?}");
    assert!(said.err.contains("refunded: exit, exit code 3, the job's own fault"), "{said:?}");
    let spec = market.job().spec.into_option().unwrap();
    let Some(cyxwiz_proto::v1::__buffa::oneof::job_spec::Workload::Wasm(wasm)) = spec.workload else {
        panic!()
    };
    assert!(wasm.deterministic);
    assert_eq!(wasm.args, ["--seed", "7"]);
}
