//! A person at a terminal: asked before anything is bought, shown how far it is, and free to leave.

use cyxwiz_proto::v1::{JobState, LogStream};

use crate::support::cli::Cli;
use crate::support::devnet::Devnet;
use crate::support::market::{Market, log, state};
use crate::support::market_end::completed;
use crate::support::terminal::Terminal;
use crate::support::{books, buyer};

/// As a terminal sends it.
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

fn submit(cli: &Cli) -> Terminal {
    Terminal::start(&cli.command("submit ./job"))
}

#[test]
fn no_buys_nothing_and_uploads_nothing() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let cli = buyer(&devnet, &market, &[("data/x", b"1")]);
    for answer in ["n\n", "\n", "yep\n", CTRL_D] {
        let mut terminal = submit(&cli);
        terminal.until("submit? [y/N] ");
        terminal.press(answer);
        let (code, shown) = terminal.end();
        assert_eq!(code, 1, "{answer:?}: {shown}");
        assert!(shown.contains("nothing was done"), "{answer:?}: {shown}");
    }
    // nor who leaves instead of answering
    let mut terminal = submit(&cli);
    terminal.until("submit? [y/N] ");
    terminal.press(CTRL_C);
    let (code, shown) = terminal.end();
    assert_eq!(code, 130, "{shown}");
    let seen = market.state();
    assert!(seen.jobs.is_empty() && seen.uploads.is_empty() && seen.pieces.is_empty());
    drop(seen);
    assert_eq!(books(&devnet), (5_000_000, 0));
}

#[test]
fn yes_shows_how_far_it_is_and_ctrl_c_leaves_the_job_running() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let large = vec![7_u8; 3 << 20];
    let cli = buyer(&devnet, &market, &[("data/large.bin", &large)]);
    let mut terminal = submit(&cli);
    terminal.until("submit? [y/N] ");
    // seen before the answer: what it costs, and what there is
    for part in ["price     0.05 $/h", "deposit   0.05 USDC for 1 h", "balance   5 USDC free for jobs"] {
        assert!(terminal.shown().contains(part), "{part}: {}", terminal.shown());
    }
    assert!(market.state().jobs.is_empty());
    terminal.press("y\n");
    terminal.until("uploading ");
    terminal.until("/3.00 MiB");
    terminal.until("queued as ");
    market.push(
        vec![state(JobState::Running, "the script runs"), log(LogStream::LOG_STREAM_STDOUT, "first\n")],
        None,
    );
    terminal.until("first");
    terminal.press(CTRL_C);
    let (code, shown) = terminal.end();
    let id = market.job().id;
    assert_eq!(code, 130, "{shown}");
    assert!(shown.contains(&format!("left; {id} goes on")), "{shown}");
    assert!(shown.contains(&format!("cyxwiz watch {id}")), "{shown}");
    // nobody cancelled it, and it was paid for once
    assert_eq!(market.job().state.as_known(), Some(JobState::Queued));
    assert_eq!((market.state().jobs.len(), books(&devnet)), (1, (4_950_000, 50_000)));

    // back at a terminal: nothing is missing, to the end
    let terminal = Terminal::start(&cli.command(&format!("watch {id}")));
    terminal.until("first");
    market.push(vec![log(LogStream::LOG_STREAM_STDOUT, "second\n")], Some(completed));
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("second") && shown.contains("completed: succeeded"), "{shown}");
}
