//! A buyer whose clock is half an hour off: told so, charged once, and nothing else.

use crate::support::devnet::Devnet;
use crate::support::market::Market;
use crate::support::market_end::completed;
use crate::support::{books, buyer};

#[test]
fn a_clock_that_is_half_an_hour_off_costs_a_word_and_no_money() {
    let devnet = Devnet::start(50);
    let market = Market::start(&devnet);
    let mut cli = buyer(&devnet, &market, &[("data/x", b"1")]);
    let mut spent = 0;
    for (off, side) in [("+1800s", "30 minutes ahead of"), ("-1800s", "30 minutes behind")] {
        cli.clock(Some(off));
        // signed in before, and anew
        for again in [false, true] {
            if again {
                cli.ok("logout");
                let said = cli.say("login");
                assert!(said.code == 0 && said.err.contains(side), "{said:?}");
            }
            let said = cli.say("submit ./job --yes --detach");
            assert_eq!(said.code, 0, "{off}: {said:?}");
            assert!(said.err.contains(&format!("this machine's clock is {side} the server's")), "{said:?}");
            assert_eq!(said.err.matches("set 0.05 USDC aside").count(), 1, "{said:?}");
            spent += 1;
            assert_eq!(market.state().jobs.len(), spent);
            let locked = 50_000 * spent as u64;
            assert_eq!(books(&devnet), (5_000_000 - locked, locked));
            // by the server's clock, as for anybody
            let terms = market.job().terms.into_option().unwrap();
            assert_eq!((terms.deposit, terms.limit), (50_000, 50_000));
        }
        market.push(vec![], Some(completed));
        assert_eq!(cli.say(&format!("watch {}", market.job().id)).code, 0);
        assert!(cli.ok("jobs").contains("completed"));
    }
    // with the clock set right nobody says a word
    cli.clock(None);
    assert!(!cli.say("estimate ./job").err.contains("clock"));
}
