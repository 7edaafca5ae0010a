//! What a job made, fetched whole or not at all.

use std::fs;

use cyxwiz_proto::v1::LogStream;

use crate::support::cli::Cli;
use crate::support::devnet::Devnet;
use crate::support::market::{Market, log};
use crate::support::market_end::completed;

fn ended(devnet: &Devnet, market: &Market) -> (Cli, String) {
    let cli = Cli::of(devnet, market, "buyer");
    cli.ok("login");
    cli.ok("wallet deposit 1 USDC");
    cli.job(&[("training_script.py", b"1\n")]);
    market.state().script =
        vec![log(LogStream::LOG_STREAM_STDOUT, "hi\n"), log(LogStream::LOG_STREAM_STDERR, "x\n")];
    market.state().end = completed;
    let id = cli.ok("submit ./job --yes --detach --no-data --gpu-type cpu");
    let model: Vec<u8> = (0..300_000_u32).map(|byte| (byte % 241) as u8).collect();
    market.state().outputs = vec![
        ("model.pt".to_owned(), model),
        ("plots/loss.svg".to_owned(), b"<svg/>".to_vec()),
        ("empty".to_owned(), vec![]),
    ];
    (cli, id)
}

#[test]
fn outputs_are_fetched_over_cuts_and_checked() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let (cli, id) = ended(&devnet, &market);
    let list = cli.ok(&format!("results {id} --list"));
    assert!(list.contains("plots/loss.svg") && list.contains("293.9") | list.contains("292.9"), "{list}");

    market.state().cut_download = Some(100_000);
    let said = cli.say(&format!("results {id}"));
    assert_eq!((said.code, said.out.clone()), (0, format!("results/{id}")), "{said:?}");
    let dir = cli.home().join("results").join(&id);
    assert_eq!(fs::read(dir.join("model.pt")).unwrap(), market.state().outputs[0].1);
    assert_eq!(fs::read(dir.join("empty")).unwrap(), b"");
    assert_eq!(fs::read_to_string(dir.join("plots/loss.svg")).unwrap(), "<svg/>");
    let of = |name: &str| fs::read_to_string(dir.join("_cyxwiz").join(name)).unwrap();
    assert_eq!((of("stdout.log").as_str(), of("stderr.log").as_str()), ("hi\n", "x\n"));
    assert!(of("job.json").contains(&id));
    // it went on from where it was cut
    assert!(market.state().ranges.contains(&"bytes=100000-".to_owned()), "{:?}", market.state().ranges);
    // nothing is fetched twice
    market.state().ranges.clear();
    let said = cli.say(&format!("results {id}"));
    assert!(said.err.contains("digests checked (0 fetched now)"), "{said:?}");
    assert_eq!(market.state().ranges.len(), 0);
    // one that was changed here is
    fs::write(dir.join("plots/loss.svg"), "changed").unwrap();
    let value = cli.json(&format!("results {id} plots"));
    assert_eq!(value["files"].as_array().unwrap().len(), 1);
    assert_eq!(fs::read_to_string(dir.join("plots/loss.svg")).unwrap(), "<svg/>");
    let left = fs::read_dir(&dir).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| !name.ends_with(".part")));
}

#[test]
fn bytes_that_are_not_the_digests_are_not_kept() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let (cli, id) = ended(&devnet, &market);
    // once is a broken line
    market.state().rotten = 1;
    assert_eq!(cli.say(&format!("results {id} plots")).code, 0);
    fs::remove_dir_all(cli.home().join("results")).unwrap();
    market.state().rotten = 100;
    let said = cli.say(&format!("results {id} plots"));
    assert_eq!(said.code, 1);
    assert!(said.err.starts_with("error: `plots/loss.svg` arrived other than its digest says"), "{said:?}");
    assert!(!cli.home().join("results").join(&id).join("plots/loss.svg").exists());
}

#[test]
fn withheld_outputs_say_why_and_names_stay_below_their_folder() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let (cli, id) = ended(&devnet, &market);
    for name in ["../evil", "/etc/evil", "a/../../evil", "C:\\evil"] {
        market.state().outputs = vec![(name.to_owned(), b"x".to_vec())];
        let said = cli.say(&format!("results {id}"));
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains("the server names an output") && said.err.contains("nothing was written"));
    }
    assert!(!cli.home().join("results").join(&id).exists());
    market.state().outputs.clear();
    market.state().withheld = "the job failed by its own fault and was refunded".to_owned();
    let said = cli.say(&format!("results {id}"));
    let wanted = format!(
        "error: the outputs of {id} are not to be had: the job failed by its own fault and was refunded: its output is in results/{id}/_cyxwiz"
    );
    assert_eq!((said.code, said.err), (1, wanted));
    let out = cli.home().join("results").join(&id).join("_cyxwiz/stdout.log");
    assert_eq!(fs::read_to_string(out).unwrap(), "hi\n");
}
