//! What each instruction costs: compute units, and lamports locked as rent. `costs.txt` is committed; a rise of
//! more than 5 % fails. `CYXWIZ_UPDATE=1` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cyxwiz_escrow_interface::{BalanceAccount, EscrowAccount};
use cyxwiz_escrow_tests::World;

use crate::cases::all;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/escrow/costs.txt");

/// No instruction may cost more.
const MOST_UNITS: u64 = 20_000;

/// What a job may lock.
const MOST_LAMPORTS: u64 = 4_000_000;

#[test]
fn costs_are_as_committed() {
    let mut table = BTreeMap::new();
    for mut case in all() {
        let sent = case.world.send(&[case.good]).expect("goes through");
        assert!(sent.units <= MOST_UNITS, "{} costs {}", case.name, sent.units);
        table.insert(format!("units {}", case.name), sent.units);
    }
    let world = World::bare();
    let rent = |size| world.svm.minimum_balance_for_rent_exemption(size);
    for (name, size) in [("balance", BalanceAccount::LEN), ("escrow", EscrowAccount::LEN), ("vault", 165)] {
        table.insert(format!("lamports {name}"), rent(size));
    }
    if std::env::var_os("CYXWIZ_UPDATE").is_some() {
        let mut text = String::new();
        for (name, cost) in &table {
            writeln!(text, "{name} {cost}").unwrap();
        }
        std::fs::write(TABLE, text).unwrap();
    }
    let text = std::fs::read_to_string(TABLE).unwrap_or_default();
    let committed: BTreeMap<_, u64> = text
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, cost)| (name, cost.parse().unwrap()))
        .collect();
    assert_eq!(committed.keys().copied().collect::<Vec<_>>(), table.keys().collect::<Vec<_>>());
    for (name, cost) in &table {
        let most = committed[name.as_str()] * 105 / 100;
        assert!(*cost <= most, "{name} rose from {} to {cost}", committed[name.as_str()]);
    }
}

#[test]
fn a_job_locks_little() {
    let world = World::bare();
    let escrow = world.svm.minimum_balance_for_rent_exemption(EscrowAccount::LEN);
    assert!(escrow <= MOST_LAMPORTS, "{escrow}");
}

/// Bumps differ from key to key, and each try of an address costs 1,500 units: an unlucky buyer still fits.
#[test]
fn no_buyer_is_too_unlucky() {
    let mut most = 0;
    for job in 0..100 {
        let mut world = crate::cases::funded();
        let open = world.open(cyxwiz_escrow_tests::Money::Usdc, job);
        most = most.max(world.send(&[open]).expect("an open").units);
    }
    assert!(most <= MOST_UNITS, "{most}");
}
