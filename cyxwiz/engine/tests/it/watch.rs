//! Following a job over cuts, from anywhere, with nothing missing and nothing twice.

use cyxwiz_proto::v1::{JobState, LogStream};
use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::devnet::Devnet;
use crate::support::market::{Market, log, state};
use crate::support::market_end::completed;

fn queued(devnet: &Devnet, market: &Market) -> (Cli, String) {
    let cli = Cli::of(devnet, market, "buyer");
    cli.ok("login");
    cli.ok("wallet deposit 1 USDC");
    cli.job(&[("training_script.py", b"1\n")]);
    let id = cli.ok("submit ./job --yes --detach --no-data --gpu-type cpu");
    (cli, id)
}

#[test]
fn every_line_comes_once_whatever_the_connection_does() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let (cli, id) = queued(&devnet, &market);
    let lines: Vec<String> = (0..200).map(|line| format!("line {line}\n")).collect();
    let mut events = vec![state(JobState::Running, "")];
    events.extend(lines.iter().map(|line| log(LogStream::LOG_STREAM_STDOUT, line)));
    market.state().cut_every = Some(17);
    market.push(events, Some(completed));
    let said = cli.say(&format!("watch {id}"));
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.out, lines.concat().trim_end());
    assert!(market.state().watches.len() > 10);

    // the same as JSON, one object a line
    let said = cli.say(&format!("watch {id} -o json"));
    let values: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let texts: String = values.iter().filter_map(|value| value["text"].as_str()).collect();
    assert_eq!(texts, lines.concat());
    let numbers: Vec<u64> = values.iter().filter_map(|value| value["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=202).collect::<Vec<_>>());
    let end = values.last().unwrap();
    assert_eq!(end["event"], "end");
    assert_eq!((end["exit_code"].as_u64(), end["job"]["state"].as_str()), (Some(0), Some("completed")));

    // from the middle on
    market.state().cut_every = None;
    let said = cli.say(&format!("watch {id} --after 200"));
    assert_eq!(said.out, "line 198\nline 199");
}

#[test]
fn ctrl_c_leaves_it_running() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let (cli, id) = queued(&devnet, &market);
    market.push(vec![log(LogStream::LOG_STREAM_STDOUT, "first\n")], None);
    let mut running = cli.start(&format!("watch {id}"));
    assert_eq!(running.line(), "first");
    let said = running.interrupt();
    assert_eq!(said.code, 130);
    assert!(said.err.contains(&format!("left; {id} goes on")), "{said:?}");
    assert!(
        said.err.contains(&format!("cyxwiz watch {id}")) && said.err.contains(&format!("cyxwiz cancel {id}"))
    );
    // live, as it comes
    let mut running = cli.start(&format!("watch {id}"));
    assert_eq!(running.line(), "first");
    market.push(vec![log(LogStream::LOG_STREAM_STDOUT, "second\n")], None);
    assert_eq!(running.line(), "second");
    market.push(vec![], Some(completed));
    assert_eq!(running.end().code, 0);
}

#[test]
fn words_of_others_do_nothing_to_a_terminal() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let (cli, id) = queued(&devnet, &market);
    let evil = "\u{1b}[2J\u{1b}]0;x\u{7}";
    market.push(
        vec![
            state(JobState::Preparing, &format!("fetches{evil}")),
            log(LogStream::LOG_STREAM_SYSTEM, &format!("pulling{evil}\n")),
            log(LogStream::LOG_STREAM_STDOUT, "raw \u{1b}[1m\n"),
        ],
        Some(completed),
    );
    let said = cli.say(&format!("watch {id}"));
    assert!(!said.err.contains('\u{1b}') && !said.err.contains('\u{7}'), "{said:?}");
    assert!(said.err.contains("node: pulling"));
    // the script's own bytes are the buyer's
    assert_eq!(said.out, "raw \u{1b}[1m");
}

#[test]
fn jobs_are_listed_and_shown() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let (cli, first) = queued(&devnet, &market);
    let second = cli.ok("submit ./job --yes --detach --no-data --gpu-type cpu --name other");
    market.push(vec![], Some(completed));
    let out = cli.ok("jobs");
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(out.lines().nth(1).unwrap().starts_with(&second), "{out}");
    assert!(out.contains("completed") && out.contains("queued") && out.contains("other"), "{out}");
    let only = cli.json("jobs --state queued");
    assert_eq!(only["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(only["jobs"][0]["id"], first.as_str());
    assert_eq!(cli.json("jobs --limit 1")["jobs"].as_array().unwrap().len(), 1);
    let out = cli.ok(&format!("show {second}"));
    assert!(out.contains("deposit   0.05 USDC, at most 0.05 USDC"), "{out}");
    assert!(out.contains("paid      0.0009 USDC to the node"), "{out}");
    assert_eq!(cli.json(&format!("show {second}"))["id"], second.as_str());
    // the chain's history knows jobs by their names
    let out = cli.ok("wallet history");
    assert!(out.contains(&format!("for {second} (other)")), "{out}");
    let said = cli.ok(&format!("dispute {second} wrong"));
    assert_eq!(said, format!("exit code 0\nthe buyer says: wrong\n{second}: not upheld: the job is settled"));
}
