//! Every instruction with every account broken in every way that fits: each is refused with an error of the
//! program's own, and nothing changes. Which error stands in `refusals.txt`, for people to read;
//! `CYXWIZ_UPDATE=1` writes it anew.

use std::fmt::Write as _;

use cyxwiz_escrow_interface::{Address, EscrowError, LOADER, SYSTEM_PROGRAM, TOKEN_PROGRAM};
use cyxwiz_escrow_tests::{Failure, Ledger, World};
use solana_account::Account;
use solana_instruction::{AccountMeta, Instruction};
use solana_signer::Signer;

use crate::cases::{Case, all};

/// The committed table.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/escrow/refusals.txt");

/// A world and an instruction in which one thing is wrong.
struct Broken {
    how: String,
    world: World,
    bad: Instruction,
}

#[test]
fn every_broken_account_is_refused_with_its_own_error() {
    let mut table = String::new();
    for case in all() {
        let mut world = case.world.clone();
        world
            .send(std::slice::from_ref(&case.good))
            .unwrap_or_else(|error| panic!("{}: {error:?}", case.name));
        for (at, name) in case.accounts.iter().enumerate() {
            for broken in breaks(&case, at) {
                let error = refused(&case.name, name, &broken);
                writeln!(table, "{} / {name} / {}: {}", case.name, broken.how, error.name()).unwrap();
            }
        }
    }
    compare(&table);
}

fn refused(case: &str, account: &str, broken: &Broken) -> EscrowError {
    let mut world = broken.world.clone();
    let before = Ledger::of(&world);
    let sent = world.send(std::slice::from_ref(&broken.bad));
    let what = format!("{case} / {account} / {}", broken.how);
    assert!(before == Ledger::of(&world), "{what} changed something");
    match sent {
        Err(Failure::Refused(error)) => error,
        other => panic!("{what}: {other:?}"),
    }
}

fn compare(table: &str) {
    if std::env::var_os("CYXWIZ_UPDATE").is_some() {
        std::fs::write(TABLE, table).unwrap();
    }
    let committed = std::fs::read_to_string(TABLE).unwrap_or_default();
    for (have, want) in table.lines().zip(committed.lines()) {
        assert_eq!(have, want);
    }
    assert_eq!(table.lines().count(), committed.lines().count());
}

fn breaks(case: &Case, at: usize) -> Vec<Broken> {
    let mut all = Vec::new();
    let meta = &case.good.accounts[at];
    if meta.is_signer {
        all.push(with(case, at, "unsigned", |meta| meta.is_signer = false));
    }
    if meta.is_writable {
        all.push(with(case, at, "read-only", |meta| meta.is_writable = false));
    }
    let stranger = case.world.cast.stranger.pubkey();
    if case.world.cast.find(&meta.pubkey).is_some_and(|_| meta.pubkey != stranger) && !anybody(case, at) {
        all.push(with(case, at, "a stranger", |meta| meta.pubkey = stranger));
    }
    if !anybody(case, at) {
        let nobody = Address::new_from_array([200; 32]);
        if !meta.is_signer {
            all.push(with(case, at, "an empty address", |meta| meta.pubkey = nobody));
        }
        all.extend(others(case, at));
    }
    all.extend(look_alikes(case, at));
    all
}

/// Whoever pays for an account may be anybody who signs.
fn anybody(case: &Case, at: usize) -> bool {
    case.accounts[at] == "payer"
}

fn with(case: &Case, at: usize, how: &str, change: impl FnOnce(&mut AccountMeta)) -> Broken {
    let mut bad = case.good.clone();
    change(&mut bad.accounts[at]);
    Broken { how: how.to_owned(), world: case.world.clone(), bad }
}

/// Each other account of the instruction in this one's place.
fn others(case: &Case, at: usize) -> Vec<Broken> {
    let here = case.good.accounts[at].pubkey;
    let mut all = Vec::new();
    for (from, meta) in case.good.accounts.iter().enumerate() {
        // A signature can be given by those who have a key.
        let signs = case.good.accounts[at].is_signer && case.world.cast.find(&meta.pubkey).is_none();
        if from != at && meta.pubkey != here && !signs {
            let how = format!("the {}", case.accounts[from]);
            all.push(with(case, at, &how, |place| place.pubkey = meta.pubkey));
        }
    }
    all
}

/// Accounts with data: the same elsewhere, another owner, another version, another kind, a byte more or less.
fn look_alikes(case: &Case, at: usize) -> Vec<Broken> {
    let meta = &case.good.accounts[at];
    let Some(account) = case.world.svm.get_account(&meta.pubkey).filter(|account| !account.data.is_empty())
    else {
        return Vec::new();
    };
    if account.executable {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut elsewhere =
        with(case, at, "a copy elsewhere", |meta| meta.pubkey = Address::new_from_array([201; 32]));
    set(&mut elsewhere.world, Address::new_from_array([201; 32]), account.clone());
    // A token account or mint may stand anywhere.
    if account.owner != TOKEN_PROGRAM || case.accounts[at] == "vault" {
        all.push(elsewhere);
    }
    let mut change = |how: &str, change: &dyn Fn(&mut Account)| {
        let mut broken = with(case, at, how, |_| {});
        let mut account = account.clone();
        change(&mut account);
        set(&mut broken.world, meta.pubkey, account);
        all.push(broken);
    };
    change("owned by another program", &|account| account.owner = Address::new_from_array([202; 32]));
    change("owned by the system program", &|account| account.owner = SYSTEM_PROGRAM);
    if account.owner != LOADER {
        change("a byte short", &|account| account.data.truncate(account.data.len() - 1));
    }
    if account.owner == case.world.program.id {
        change("another kind", &|account| account.data[0] ^= 1);
        change("another version", &|account| account.data[4] += 1);
        change("another bump", &|account| account.data[5] ^= 1);
        change("a byte long", &|account| account.data.push(0));
    }
    if account.owner == TOKEN_PROGRAM {
        let token_2022 = Address::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
        change("of Token-2022", &move |account| account.owner = token_2022);
        change("uninitialised", &|account| account.data.fill(0));
    }
    all
}

fn set(world: &mut World, address: Address, mut account: Account) {
    account.lamports = account.lamports.max(10_000_000);
    world.svm.set_account(address, account).unwrap();
}
