//! Signing in, staying so, signing out.

use std::fs;

use crate::support::cli::Cli;
use crate::support::market::{Market, millis};

#[test]
fn a_session_lasts_over_its_tokens_and_ends_when_told() {
    let market = Market::without_chain();
    let (cli, address) = Cli::alone(&market);
    let url = market.url();
    let said = cli.say("jobs");
    let wanted = format!("error: {address} is not signed in at {url}: run `cyxwiz login`");
    assert_eq!((said.code, said.err.as_str()), (1, wanted.as_str()));

    assert_eq!(cli.ok("login"), format!("signed in at {url} as {address}"));
    assert!(cli.ok("sessions").contains("ses_1"));
    let path = cli.home().join(".config/cyxwiz/session.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // the token runs out at the server: renewed by itself, once for any number of commands
    market.state().access.values_mut().for_each(|(_, until)| *until = 0);
    let many: Vec<_> = (0..4).map(|_| cli.start("jobs")).collect();
    for running in many {
        assert_eq!(running.end().code, 0);
    }
    assert_eq!(market.state().refreshes, 1);
    // it runs out by our clock: renewed before it is used
    let text = fs::read_to_string(&path).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for session in value["sessions"].as_object_mut().unwrap().values_mut() {
        session["access_expires_at"] = (millis() + 1_000).into();
    }
    fs::write(&path, value.to_string()).unwrap();
    cli.ok("jobs");
    assert_eq!(market.state().refreshes, 2);

    cli.ok("logout");
    assert!(market.state().access.is_empty() && market.state().refresh.is_empty());
    assert_eq!(cli.say("jobs").err, wanted);
    // and again is no mistake
    cli.ok("logout");
    // ended from elsewhere: one line
    cli.ok("login");
    market.state().access.clear();
    market.state().refresh.clear();
    assert_eq!(cli.say("jobs").err, wanted);
    assert!(!fs::read_to_string(&path).unwrap().contains("refresh-"));
}

#[test]
fn nothing_is_signed_for_somebody_else() {
    let market = Market::without_chain();
    let (cli, _) = Cli::alone(&market);
    let say = |change: fn(String) -> String, wanted: &str| {
        market.state().message = change;
        let said = cli.say("login");
        assert_eq!((said.code, said.out.as_str()), (1, ""));
        assert!(said.err.contains(wanted) && said.err.contains("nothing was signed"), "{said:?}");
        assert!(market.state().access.is_empty());
    };
    say(|text| text.replacen("127.0.0.1", "market.example", 1), "calls itself `market.example:");
    say(|text| text.replace("Chain ID: localnet", "Chain ID: mainnet"), "the server is on mainnet");
    say(|text| text.replace("role:buyer", "role:node"), "not for a buyer's session");
    say(|_| "Send all my money".to_owned(), "no sign-in (no first line)");
    market.state().message = |text| {
        let mut lines: Vec<&str> = text.split('\n').collect();
        lines[1] = "11111111111111111111111111111111";
        lines.join("\n")
    };
    let said = cli.say("login");
    assert!(said.err.contains("the server wants 11111111111111111111111111111111 to sign in"), "{said:?}");
}

#[test]
fn tokens_are_never_shown() {
    let market = Market::without_chain();
    let (cli, _) = Cli::alone(&market);
    for verb in ["login", "login -o json", "sessions", "sessions -o json", "jobs", "logout -o json"] {
        let said = cli.say(verb);
        for secret in ["access-", "refresh-", "Bearer"] {
            assert!(!said.out.contains(secret) && !said.err.contains(secret), "{verb}: {said:?}");
        }
    }
}
