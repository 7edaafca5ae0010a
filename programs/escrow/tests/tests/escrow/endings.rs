//! How an escrow ends, in every order and at every edge of its deadline.

use cyxwiz_escrow_interface::EscrowError;
use cyxwiz_escrow_tests::{DEPOSIT, LIFE, Money, START, World};
use solana_instruction::Instruction;
use solana_signer::Signer;

use crate::cases::{assigned, funded, opened, refuses, refuses_all};

/// The four ways, those who are due now first.
fn endings(world: &World, money: Money) -> [(&'static str, Instruction); 4] {
    [
        ("settle", world.settle(money, 1, DEPOSIT / 2, 1)),
        ("refund", world.refund(money, 1)),
        ("cancel", world.cancel(money, 1)),
        ("expire", world.expire(money, 1)),
    ]
}

#[test]
fn an_escrow_ends_once_in_whatever_order() {
    for money in Money::BOTH {
        let (mut late, early) = (assigned(money), opened(money));
        late.at(START + LIFE);
        let worlds =
            [("settle", assigned(money)), ("refund", assigned(money)), ("cancel", early), ("expire", late)];
        for (first, mut world) in worlds {
            let ends = endings(&world, money);
            let end = ends.iter().find(|(name, _)| *name == first).unwrap();
            world.send(std::slice::from_ref(&end.1)).expect(first);
            assert!(world.escrow(&world.cast.buyer.pubkey(), world.order(1).job).is_none());
            for time in [START, START + LIFE - 1, START + LIFE, START + LIFE + 1] {
                world.at(time);
                for (_, second) in &ends {
                    refuses(&world, second, EscrowError::NotEscrow);
                }
            }
        }
    }
}

#[test]
fn two_endings_in_one_transaction_are_none() {
    for money in Money::BOTH {
        let (early, busy) = (opened(money), assigned(money));
        let mut late = busy.clone();
        late.at(START + LIFE);
        let mut late_early = early.clone();
        late_early.at(START + LIFE);
        // In each world those that would work there; after one of them, all four.
        for (world, first) in [
            (&busy, busy.settle(money, 1, DEPOSIT, 1)),
            (&busy, busy.refund(money, 1)),
            (&early, early.cancel(money, 1)),
            (&early, early.refund(money, 1)),
            (&late, late.expire(money, 1)),
            (&late, late.refund(money, 1)),
            (&late_early, late_early.cancel(money, 1)),
            (&late_early, late_early.expire(money, 1)),
        ] {
            world.clone().send(std::slice::from_ref(&first)).expect("works alone");
            for (_, second) in endings(world, money) {
                refuses_all(world, &[first.clone(), second], EscrowError::NotEscrow);
            }
        }
    }
}

#[test]
fn the_deadline_divides_to_the_second() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        world.at(START + LIFE - 1);
        refuses(&world, &world.expire(money, 1), EscrowError::NotExpired);
        world.clone().send(&[world.settle(money, 1, DEPOSIT, 1)]).expect("a settlement in the last second");
        world.clone().send(&[world.assign(1, 2)]).expect("an assignment in the last second");
        for time in [START + LIFE, START + LIFE + 1, START + 400 * LIFE] {
            world.at(time);
            refuses(&world, &world.settle(money, 1, DEPOSIT, 1), EscrowError::Expired);
            refuses(&world, &world.assign(1, 2), EscrowError::Expired);
            refuses(&world, &world.top_up(money, 1, 1), EscrowError::Expired);
            world.clone().send(&[world.expire(money, 1)]).expect("an expiry");
            world.clone().send(&[world.refund(money, 1)]).expect("a refund");
        }
    }
}

#[test]
fn a_late_node_is_not_paid() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        let other = world.cast.other_node.pubkey();
        let epoch = cyxwiz_escrow_interface::policy::Epoch(2);
        let moved = world.program.assign(world.cast.settler.pubkey(), world.escrow_address(1), other, epoch);
        world.send(&[moved]).expect("a second assignment");
        refuses(&world, &world.settle(money, 1, 5, 1), EscrowError::StaleEpoch);
        let payee = if money == Money::Sol { EscrowError::WrongPayee } else { EscrowError::TokenOwner };
        refuses(&world, &world.settle(money, 1, 5, 2), payee);
        for epoch in [0, 1, 2] {
            refuses(&world, &world.assign(1, epoch), EscrowError::EpochNotHigher);
        }
    }
}

#[test]
fn an_unassigned_escrow_pays_nobody() {
    for money in Money::BOTH {
        let world = opened(money);
        for epoch in [0, 1] {
            refuses(&world, &world.settle(money, 1, 5, epoch), EscrowError::NotAssigned);
        }
    }
}

#[test]
fn an_assigned_escrow_is_not_cancelled() {
    for money in Money::BOTH {
        let world = assigned(money);
        refuses(&world, &world.cancel(money, 1), EscrowError::AlreadyAssigned);
    }
}

#[test]
fn a_closed_escrow_is_not_brought_back() {
    for money in Money::BOTH {
        let world = assigned(money);
        let settle = world.settle(money, 1, 700_000, 1);
        // Lamports on the closed address keep it alive as an empty account of the system program.
        let revive = transfer(&world, &world.escrow_address(1), 3_000_000);
        refuses_all(&world, &[settle.clone(), revive.clone(), settle.clone()], EscrowError::NotEscrow);
        let mut revived = world.clone();
        revived.send(&[settle.clone(), revive]).expect("a settlement and a gift");
        refuses(&revived, &settle, EscrowError::NotEscrow);
        // The address may serve again, for a new escrow that its buyer opens and that nobody is assigned to.
        revived.send(&[world.open(money, 1)]).expect("a new escrow");
        refuses(&revived, &settle, EscrowError::NotAssigned);
    }
}

#[test]
fn a_closed_balance_is_not_brought_back() {
    for money in Money::BOTH {
        let world = funded();
        let balance = world.closed(money, 1).balance;
        let gifts = [
            transfer(&world, &balance, 3_000_000),
            transfer(&world, &world.program.vault(&balance), 3_000_000),
        ];
        let (close, [gift, to_vault]) = (world.close_balance(money), gifts);
        for bad in [world.withdraw(money, 5), world.close_balance(money), world.open(money, 1)] {
            let steps = [close.clone(), gift.clone(), to_vault.clone(), bad.clone()];
            refuses_all(&world, &steps, EscrowError::NotBalance);
            let mut gone = world.clone();
            gone.send(&steps[..3]).expect("an end and gifts");
            refuses(&gone, &bad, EscrowError::NotBalance);
        }
    }
}

#[test]
fn after_its_end_a_balance_begins_anew() {
    for money in Money::BOTH {
        let world = funded();
        let (buyer, mint) = (world.cast.buyer.pubkey(), world.mint_of(money));
        let gift = transfer(&world, &world.closed(money, 1).balance, 3_000_000);
        let (close, deposit) = (world.close_balance(money), world.deposit(money, 7));
        for steps in
            [vec![close.clone(), deposit.clone()], vec![close.clone(), gift.clone(), deposit.clone()]]
        {
            let (mut at_once, mut apart) = (world.clone(), world.clone());
            at_once.send(&steps).expect("in one transaction");
            for step in &steps {
                apart.send(std::slice::from_ref(step)).expect("one after the other");
            }
            for mut world in [at_once, apart] {
                let books = world.balance(&buyer, &mint).expect("a balance").balance;
                assert_eq!((books.free.0, books.locked.0), (7, 0));
                refuses(&world, &world.withdraw(money, 8), EscrowError::InsufficientFree);
                world.send(&[world.close_balance(money)]).expect("an end again");
            }
        }
    }
}

pub(crate) fn transfer(world: &World, to: &cyxwiz_escrow_interface::Address, lamports: u64) -> Instruction {
    let mut data = vec![2, 0, 0, 0];
    data.extend(lamports.to_le_bytes());
    Instruction {
        program_id: cyxwiz_escrow_interface::SYSTEM_PROGRAM,
        accounts: vec![
            solana_instruction::AccountMeta::new(world.cast.bank.pubkey(), true),
            solana_instruction::AccountMeta::new(*to, false),
        ],
        data,
    }
}
