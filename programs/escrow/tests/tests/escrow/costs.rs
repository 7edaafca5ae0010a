//! What each instruction costs: compute units, and the lamports that accounts lock, both as measured. `costs.txt` is
//! committed; a rise of more than 5 % fails. `CYXWIZ_UPDATE=1` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::cases::all;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/escrow/costs.txt");

/// No instruction may cost more.
pub(crate) const MOST_UNITS: u64 = 20_000;

/// What a job may lock.
const MOST_LAMPORTS: i64 = 4_000_000;

#[test]
fn costs_are_as_committed() {
    let table = measured();
    if std::env::var_os("CYXWIZ_UPDATE").is_some() {
        let mut text = String::new();
        for (name, cost) in &table {
            writeln!(text, "{name} {cost}").unwrap();
        }
        std::fs::write(TABLE, text).unwrap();
    }
    let text = std::fs::read_to_string(TABLE).unwrap_or_default();
    let committed: BTreeMap<_, i64> = text
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, cost)| (name, cost.parse().unwrap()))
        .collect();
    assert_eq!(committed.keys().copied().collect::<Vec<_>>(), table.keys().collect::<Vec<_>>());
    for (name, cost) in &table {
        let was = committed[name.as_str()];
        assert!(*cost <= most(was), "{name} rose from {was} to {cost}");
    }
}

/// `units NAME`: what it computes. `locked NAME`: by how much it changes what accounts lock; less than nothing where
/// it gives rent back.
fn measured() -> BTreeMap<String, i64> {
    let mut table = BTreeMap::new();
    for mut case in all() {
        let before = case.world.locked();
        let sent = case.world.send(&[case.good]).expect("goes through");
        assert!(sent.units <= MOST_UNITS, "{} costs {}", case.name, sent.units);
        table.insert(format!("units {}", case.name), sent.units.try_into().unwrap());
        table.insert(format!("locked {}", case.name), case.world.locked() - before);
    }
    table
}

/// A twentieth more than it was; of what comes back, a twentieth less.
fn most(was: i64) -> i64 {
    was + was.abs() / 20
}

#[test]
fn a_rise_by_more_than_a_twentieth_is_seen() {
    assert_eq!([most(2_000), most(0), most(-2_000)], [2_100, 0, -1_900]);
}

/// Opening and all that follows: what a job locks at most, and that its end gives the last lamport back.
#[test]
fn a_job_locks_little_and_gives_it_back() {
    let table = measured();
    for money in ["sol", "usdc"] {
        let of = |name: &str| table[&format!("locked {name}.{money}")];
        assert!((1..=MOST_LAMPORTS).contains(&of("open")), "{}", of("open"));
        assert_eq!([of("assign"), of("top_up"), of("deposit"), of("withdraw")], [0; 4]);
        for end in ["settle", "refund", "cancel", "expire"] {
            assert_eq!(of(end), -of("open"), "{end}");
        }
        assert_eq!(of("close_balance"), -of("first_deposit"));
    }
}
