//! Addresses are found by trying bumps: the canonical one and no other is taken, and nobody's luck makes it dear.

use std::collections::BTreeMap;

use cyxwiz_escrow_interface::policy::JobId;
use cyxwiz_escrow_interface::{Address, EscrowError, LOADER, seeds};
use cyxwiz_escrow_tests::{DEPOSIT, Money, World};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::cases::{funded, refuses};
use crate::costs::MOST_UNITS;

/// What one more try may cost: a hash of five or six pieces, and whether a key could have that address.
const UNITS_A_TRY: u64 = 400;

/// The costs of one instruction for everybody who sent it.
#[derive(Default)]
struct Costs {
    /// By how many tries its addresses took.
    by_tries: BTreeMap<u64, u64>,
}

impl Costs {
    fn note(&mut self, tries: u64, units: u64) {
        let most = self.by_tries.entry(tries).or_default();
        *most = (*most).max(units);
    }

    /// Nobody paid more than is allowed, and each try no more than it should.
    fn judge(&self, name: &str) {
        let (most, dearest) = self.by_tries.last_key_value().expect("somebody");
        println!("{name}: up to {most} tries, {dearest} units; {:?}", self.by_tries);
        let (fewest, least) = self.by_tries.first_key_value().expect("somebody");
        for (tries, units) in &self.by_tries {
            assert!(*units <= MOST_UNITS, "{name} with {tries} tries costs {units}");
            let allowed = least + (tries - fewest) * UNITS_A_TRY;
            assert!(*units <= allowed, "{name} with {tries} tries costs {units}, above {allowed}");
        }
    }
}

/// How many bumps were tried.
fn tries(bump: u8) -> u64 {
    256 - u64::from(bump)
}

/// What the library on the host finds.
fn canonical(world: &World, seeds: &[&[u8]]) -> (Address, u8) {
    Address::find_program_address(seeds, &world.program.id)
}

/// A key and a job for each number, always the same.
fn key(number: u64) -> Keypair {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Keypair::new_from_array(bytes)
}

/// So many buyers deposit for the first time and open, in both coins: what searches for addresses. All else only
/// hashes with the bump that was stored, and costs everybody the same.
fn buyers(count: u64) {
    let mut world = World::new();
    let (mut firsts, mut opens) = ([Costs::default(), Costs::default()], Costs::default());
    for number in 0..count {
        world.new_buyer(key(number));
        let buyer = world.cast.buyer.pubkey();
        for (money, firsts) in Money::BOTH.into_iter().zip(&mut firsts) {
            let mint = world.mint_of(money);
            let (balance, bump) = canonical(&world, &[seeds::BALANCE, buyer.as_array(), mint.as_array()]);
            let (_, vault_bump) = canonical(&world, &[seeds::VAULT, balance.as_array()]);
            let sent = world.send(&[world.deposit(money, 10 * DEPOSIT)]).expect("a deposit");
            let stored = world.balance(&buyer, &mint).expect("a balance");
            let in_vault = if money == Money::Usdc { vault_bump } else { 0 };
            assert_eq!((stored.bump, stored.vault_bump), (bump, in_vault));
            let searched = if money == Money::Usdc { tries(vault_bump) } else { 0 };
            firsts.note(tries(bump) + searched, sent.units);

            let job = money as u8;
            let (_, bump) = canonical(&world, &[seeds::ESCROW, buyer.as_array(), &[job; 16]]);
            let sent = world.send(&[world.open(money, job)]).expect("an open");
            assert_eq!(world.escrow(&buyer, JobId([job; 16])).expect("an escrow").bump, bump);
            opens.note(tries(bump), sent.units);
        }
    }
    for (name, costs) in
        [("first deposit, SOL", &firsts[0]), ("first deposit, USDC", &firsts[1]), ("open", &opens)]
    {
        costs.judge(name);
    }
}

/// The program at so many addresses is configured for the first time.
fn programs(count: u64) {
    let mut costs = Costs::default();
    for number in 0..count {
        let id = key(number).pubkey();
        let mut world = World::bare_at(id);
        let (_, bump) = canonical(&world, &[seeds::CONFIG]);
        let (_, data_bump) = Address::find_program_address(&[id.as_array()], &LOADER);
        let sent = world.send(&[world.init()]).expect("a configuration");
        assert_eq!(world.config().bump, bump);
        costs.note(tries(bump) + tries(data_bump), sent.units);
    }
    costs.judge("init");
}

#[test]
fn no_buyer_is_too_unlucky() {
    buyers(500);
}

#[test]
fn no_program_is_too_unlucky() {
    programs(40);
}

mod full {
    #[test]
    fn no_buyer_of_many_is_too_unlucky() {
        super::buyers(5_000);
    }

    #[test]
    fn no_program_of_many_is_too_unlucky() {
        super::programs(1_000);
    }
}

/// The addresses of all other bumps, those included that a key could have.
fn others(world: &World, seeds: &[&[u8]]) -> Vec<Address> {
    let (_, canonical) = canonical(world, seeds);
    let of = |bump: u8| {
        let seeds: Vec<&[u8]> = seeds.iter().copied().chain([std::slice::from_ref(&bump)]).collect();
        match seeds.as_slice() {
            [a, b] => Address::derive_address(&[a, b], None, &world.program.id),
            [a, b, c] => Address::derive_address(&[a, b, c], None, &world.program.id),
            [a, b, c, d] => Address::derive_address(&[a, b, c, d], None, &world.program.id),
            other => panic!("{} seeds", other.len()),
        }
    };
    (0..=u8::MAX).filter(|bump| *bump != canonical).map(of).collect()
}

/// With each of these addresses in one place, it is refused.
fn refuses_each(world: &World, good: &Instruction, at: usize, others: &[Address], error: EscrowError) {
    world.clone().send(std::slice::from_ref(good)).expect("works at the canonical address");
    assert_eq!(others.len(), 255);
    for other in others {
        let mut bad = good.clone();
        bad.accounts[at].pubkey = *other;
        refuses(world, &bad, error);
    }
}

#[test]
fn a_configuration_stands_at_its_canonical_address_alone() {
    let world = World::bare();
    let init = world.init();
    refuses_each(&world, &init, 2, &others(&world, &[seeds::CONFIG]), EscrowError::ConfigAddress);
}

#[test]
fn a_balance_stands_at_its_canonical_address_alone() {
    for money in Money::BOTH {
        let world = World::new();
        let (buyer, mint) = (world.cast.buyer.pubkey(), world.mint_of(money));
        let others = others(&world, &[seeds::BALANCE, buyer.as_array(), mint.as_array()]);
        refuses_each(&world, &world.deposit(money, 5), 2, &others, EscrowError::BalanceAddress);
    }
}

#[test]
fn a_vault_stands_at_its_canonical_address_alone() {
    let world = World::new();
    let balance = world.program.balance(&world.cast.buyer.pubkey(), &world.mint);
    let others = others(&world, &[seeds::VAULT, balance.as_array()]);
    refuses_each(&world, &world.deposit(Money::Usdc, 5), 6, &others, EscrowError::VaultAddress);
}

#[test]
fn an_escrow_stands_at_its_canonical_address_alone() {
    for money in Money::BOTH {
        let world = funded();
        let others = others(&world, &[seeds::ESCROW, world.cast.buyer.pubkey().as_array(), &[1; 16]]);
        refuses_each(&world, &world.open(money, 1), 4, &others, EscrowError::EscrowAddress);
    }
}
