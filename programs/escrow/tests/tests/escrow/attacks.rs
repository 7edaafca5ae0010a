//! What a thief would try.

use cyxwiz_escrow_interface::policy::{BasisPoints, Epoch};
use cyxwiz_escrow_interface::{Address, EscrowError, LOADER, SYSTEM_PROGRAM};
use cyxwiz_escrow_tests::{DEPOSIT, Ledger, Money, World};
use solana_signer::Signer;

use crate::cases::{assigned, funded, opened, refuses};
use crate::endings::transfer;

#[test]
fn nobody_is_faster_with_the_configuration() {
    let world = World::bare();
    let (thief, program) = (world.cast.stranger.pubkey(), world.program);
    let init = |authority| program.init(thief, authority, [thief; 3], BasisPoints(0));
    refuses(&world, &init(thief), EscrowError::NotUpgradeAuthority);
    // With a record of his own making, at another address or of another loader.
    let mut forged = world.clone();
    let mut record = forged.svm.get_account(&program.data()).unwrap();
    record.data[13..45].copy_from_slice(thief.as_array());
    let elsewhere = Address::new_from_array([99; 32]);
    forged.svm.set_account(elsewhere, record.clone()).unwrap();
    let mut bad = init(thief);
    bad.accounts[3].pubkey = elsewhere;
    refuses(&forged, &bad, EscrowError::NotProgramData);
    record.owner = SYSTEM_PROGRAM;
    forged.svm.set_account(program.data(), record).unwrap();
    refuses(&forged, &init(thief), EscrowError::NotProgramData);
}

#[test]
fn a_program_that_nobody_can_replace_has_no_first_configuration() {
    let mut world = World::bare();
    let mut record = world.svm.get_account(&world.program.data()).unwrap();
    assert_eq!(record.owner, LOADER);
    record.data[12] = 0;
    world.svm.set_account(world.program.data(), record).unwrap();
    let (deployer, key) = (world.cast.deployer.pubkey(), world.cast.admin.pubkey());
    let init = world.program.init(deployer, deployer, [key; 3], BasisPoints(0));
    refuses(&world, &init, EscrowError::NotUpgradeAuthority);
}

#[test]
fn a_record_of_another_kind_or_too_short_names_nobody() {
    let world = World::bare();
    let (init, address) = (world.init(), world.program.data());
    let record = world.svm.get_account(&address).unwrap();
    world.clone().send(std::slice::from_ref(&init)).expect("the record as it is");
    // Of the loader's four kinds only the last is that of a program's code: nothing, a buffer, a program.
    for kind in [0, 1, 2, 4, u32::MAX] {
        let mut other = world.clone();
        let mut changed = record.clone();
        changed.data[..4].copy_from_slice(&kind.to_le_bytes());
        other.svm.set_account(address, changed).unwrap();
        refuses(&other, &init, EscrowError::NotProgramData);
    }
    for length in [0, 1, 3, 4, 11, 12, 13, 44] {
        let mut other = world.clone();
        let mut changed = record.clone();
        changed.data.truncate(length);
        other.svm.set_account(address, changed).unwrap();
        refuses(&other, &init, EscrowError::NotProgramData);
    }
}

#[test]
fn a_configuration_is_created_once() {
    let world = World::new();
    let (deployer, key) = (world.cast.deployer.pubkey(), world.cast.stranger.pubkey());
    let init = world.program.init(deployer, deployer, [key; 3], BasisPoints(0));
    refuses(&world, &init, EscrowError::AlreadyExists);
}

#[test]
fn a_foreign_settle_key_takes_nothing() {
    for money in Money::BOTH {
        let world = assigned(money);
        let thief = world.cast.stranger.pubkey();
        for mut bad in [world.settle(money, 1, 5, 1), world.refund(money, 1), world.assign(1, 2)] {
            bad.accounts[0].pubkey = thief;
            refuses(&world, &bad, EscrowError::NotSettleKey);
        }
        let mut bad = world.top_up(money, 1, 5);
        bad.accounts[0].pubkey = thief;
        refuses(&world, &bad, EscrowError::NotBuyerNorSettleKey);
    }
}

#[test]
fn a_stolen_settle_key_takes_no_more_than_buyers_allowed() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        // Up to the limit, and not a unit of what else lies in the balance.
        refuses(&world, &world.top_up(money, 1, 2 * DEPOSIT + 1), EscrowError::TopUpAboveLimit);
        let steps = [world.top_up(money, 1, 2 * DEPOSIT), world.settle(money, 1, 3 * DEPOSIT, 1)];
        world.send(&steps).expect("the most that can be taken");
        let books = world.balance(&world.cast.buyer.pubkey(), &world.mint_of(money)).unwrap().balance;
        assert_eq!(books.free.0, 7 * DEPOSIT);
        let mut bad = world.withdraw(money, 1);
        bad.accounts[0].pubkey = world.cast.settler.pubkey();
        refuses(&world, &bad, EscrowError::NotOwner);
    }
}

#[test]
fn a_revoked_settle_key_takes_nothing_and_the_buyer_may_go() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        let (admin, next) = (world.cast.admin.pubkey(), world.cast.stranger.pubkey());
        world.send(&[world.program.set_settle_key(admin, next, true)]).expect("a revocation");
        for bad in [world.settle(money, 1, 5, 1), world.assign(1, 2), world.top_up(money, 1, 5)] {
            refuses(&world, &bad, EscrowError::SettleKeyRevoked);
        }
        world.clone().send(&[world.refund(money, 1)]).expect("a refund harms nobody");
        world.send(&[world.cancel(money, 1)]).expect("a cancellation");
    }
}

#[test]
fn a_rotated_settle_key_ends_what_it_began() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        let (admin, next) = (world.cast.admin.pubkey(), world.cast.stranger.pubkey());
        world.send(&[world.program.set_settle_key(admin, next, false)]).expect("a rotation");
        refuses(&world, &world.cancel(money, 1), EscrowError::AlreadyAssigned);
        world.send(&[world.settle(money, 1, 5, 1)]).expect("a settlement by the old key");
    }
}

#[test]
fn a_stolen_admin_key_moves_no_money() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        let (admin, thief) = (world.cast.admin.pubkey(), world.cast.stranger.pubkey());
        let program = world.program;
        let steps = [
            program.set_settle_key(admin, thief, false),
            program.set_treasury(admin, thief),
            program.set_fee(admin, BasisPoints(3_000)),
            program.set_paused(admin, true),
            program.set_mint(admin, world.mint_of(money), false),
        ];
        world.send(&steps).expect("an admin may");
        let before = Ledger::of(&world);
        let mut bad = world.settle(money, 1, 5, 1);
        bad.accounts[0].pubkey = thief;
        refuses(&world, &bad, EscrowError::NotSettleKey);
        // What was opened is settled on its own terms, and what is free goes home.
        let treasury = world.cast.treasury.pubkey();
        let had = (world.svm.get_balance(&treasury).unwrap(), token_amount(&world, &treasury));
        world.send(&[world.settle(money, 1, 1_000, 1)]).expect("a settlement");
        let has = (world.svm.get_balance(&treasury).unwrap(), token_amount(&world, &treasury));
        assert_eq!((has.0 - had.0) + (has.1 - had.1), 100);
        world.send(&[world.close_balance(money)]).expect("everything back");
        assert_eq!(before.tokens(), Ledger::of(&world).tokens());
    }
}

#[test]
fn a_pause_stops_what_comes_in_and_nothing_else() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        world.send(&[world.program.set_paused(world.cast.admin.pubkey(), true)]).expect("a pause");
        refuses(&world, &world.deposit(money, 1), EscrowError::Paused);
        refuses(&world, &world.open(money, 2), EscrowError::Paused);
        world.clone().send(&[world.refund(money, 1)]).expect("a refund");
        let steps = [
            world.top_up(money, 1, 1),
            world.assign(1, 2),
            world.settle(money, 1, 5, 2),
            world.close_balance(money),
        ];
        world.send(&steps).expect("the rest goes on");
    }
}

#[test]
fn a_fee_that_rose_after_the_offer_is_not_taken() {
    let mut world = funded();
    world.send(&[world.program.set_fee(world.cast.admin.pubkey(), BasisPoints(3_000))]).expect("a fee");
    refuses(&world, &world.open(Money::Sol, 1), EscrowError::ConfigChanged);
}

#[test]
fn a_payee_is_not_swapped() {
    let world = assigned(Money::Sol);
    let other = world.cast.other_node.pubkey();
    for (at, error) in [(5, EscrowError::WrongPayee), (6, EscrowError::WrongTreasury)] {
        let mut bad = world.settle(Money::Sol, 1, 5, 1);
        bad.accounts[at].pubkey = other;
        refuses(&world, &bad, error);
    }
    let world = assigned(Money::Usdc);
    for at in [5, 6] {
        let mut bad = world.settle(Money::Usdc, 1, 5, 1);
        bad.accounts[at].pubkey = world.wallet(&other);
        refuses(&world, &bad, EscrowError::TokenOwner);
    }
}

#[test]
fn the_money_is_not_paid_to_where_it_comes_from() {
    let mut world = opened(Money::Usdc);
    let balance = world.closed(Money::Usdc, 1).balance;
    let settler = world.cast.settler.pubkey();
    let assign = world.program.assign(settler, world.escrow_address(1), balance, Epoch(1));
    world.send(&[assign]).expect("a strange assignment");
    let mut bad = world.settle(Money::Usdc, 1, 5, 1);
    bad.accounts[5].pubkey = world.program.vault(&balance);
    refuses(&world, &bad, EscrowError::DuplicateAccount);

    for place in 0..2 {
        let mut world = opened(Money::Sol);
        let here = [world.closed(Money::Sol, 1).balance, world.escrow_address(1)][place];
        let assign = world.program.assign(settler, world.escrow_address(1), here, Epoch(1));
        world.send(&[assign]).expect("a strange assignment");
        let mut bad = world.settle(Money::Sol, 1, 5, 1);
        bad.accounts[5].pubkey = here;
        refuses(&world, &bad, EscrowError::DuplicateAccount);
    }
}

#[test]
fn another_escrow_of_the_same_buyer_is_another() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        world.send(&[world.open(money, 2)]).expect("a second open");
        let settle = world.settle(money, 2, 5, 1);
        refuses(&world, &settle, EscrowError::NotAssigned);
        refuses(&world, &world.close_balance(money), EscrowError::BalanceInUse);
    }
}

#[test]
fn a_payout_below_the_rent_minimum_needs_a_gift_first() {
    let mut world = assigned(Money::Sol);
    let node = world.cast.node.pubkey();
    world.remove(node);
    refuses(&world, &world.settle(Money::Sol, 1, 5, 1), EscrowError::PayoutBelowRent);
    // Nine tenths of the deposit are enough of their own.
    world.clone().send(&[world.settle(Money::Sol, 1, DEPOSIT, 1)]).expect("a large payout");
    // Nothing to pay needs nothing.
    world.clone().send(&[world.settle(Money::Sol, 1, 0, 1)]).expect("no payout");
    let gift = transfer(&world, &node, rent(&world, 0));
    world.send(&[gift, world.settle(Money::Sol, 1, 5, 1)]).expect("a gift and a payout");
    assert_eq!(world.svm.get_balance(&node), Some(rent(&world, 0) + 4));
}

/// What an account of this size must hold.
pub(crate) fn rent(world: &World, size: usize) -> u64 {
    world.svm.minimum_balance_for_rent_exemption(size)
}

pub(crate) fn token_amount(world: &World, owner: &Address) -> u64 {
    let data = world.data(&world.wallet(owner)).unwrap();
    u64::from_le_bytes(data[64..72].try_into().unwrap())
}
