//! Whose balance and whose vault: behind a job, under gifts, and what is left of both at the end.

use cyxwiz_escrow_interface::build::Purse;
use cyxwiz_escrow_interface::policy::{Amount, BasisPoints};
use cyxwiz_escrow_interface::{Address, EscrowError, SYSTEM_PROGRAM, TOKEN_PROGRAM};
use cyxwiz_escrow_tests::{DEPOSIT, LIFE, Ledger, Money, START, World, mint_data, token_data};
use solana_instruction::Instruction;
use solana_signer::Signer;

use crate::attacks::{rent, token_amount};
use crate::cases::{assigned, funded, opened, refuses};
use crate::endings::transfer;

/// Everything that changes the books behind a job, each in a world where it works, with the place of the balance.
fn behind_a_job(money: Money) -> [(World, Instruction, usize); 5] {
    let (opened, assigned) = (opened(money), assigned(money));
    let mut late = assigned.clone();
    late.at(START + LIFE);
    [
        (assigned.clone(), assigned.settle(money, 1, 5, 1), 2),
        (assigned.clone(), assigned.top_up(money, 1, 1), 2),
        (assigned.clone(), assigned.refund(money, 1), 1),
        (opened.clone(), opened.cancel(money, 1), 2),
        (late.clone(), late.expire(money, 1), 0),
    ]
}

/// Somebody else has a balance as well.
fn thief_s_balance(world: &mut World, money: Money) -> Address {
    let (thief, mint) = (world.cast.stranger.pubkey(), world.mint_of(money));
    let deposit = world.program.deposit(thief, world.purse(&thief, &mint), Amount(5 * DEPOSIT));
    world.send(&[deposit]).expect("a deposit");
    world.program.balance(&thief, &mint)
}

#[test]
fn one_buyer_s_balance_does_not_stand_behind_another_s_job() {
    for money in Money::BOTH {
        for (mut world, good, at) in behind_a_job(money) {
            world.clone().send(std::slice::from_ref(&good)).expect("works with the right balance");
            let mut bad = good;
            bad.accounts[at].pubkey = thief_s_balance(&mut world, money);
            refuses(&world, &bad, EscrowError::WrongBalanceOwner);
        }
    }
}

#[test]
fn the_same_buyer_s_other_balance_does_not_either() {
    for (money, other) in [(Money::Sol, Money::Usdc), (Money::Usdc, Money::Sol)] {
        for (world, good, at) in behind_a_job(money) {
            let mut bad = good;
            bad.accounts[at].pubkey = world.closed(other, 1).balance;
            refuses(&world, &bad, EscrowError::WrongBalanceMint);
        }
    }
}

#[test]
fn another_buyer_s_vault_is_not_one_s_own() {
    let mut world = assigned(Money::Usdc);
    let theirs = thief_s_balance(&mut world, Money::Usdc);
    let vault = world.program.vault(&theirs);
    let idle = {
        let mut world = funded();
        thief_s_balance(&mut world, Money::Usdc);
        world
    };
    for (world, good, at) in [
        (&world, world.deposit(Money::Usdc, 5), 6),
        (&world, world.withdraw(Money::Usdc, 5), 3),
        (&world, world.settle(Money::Usdc, 1, 5, 1), 7),
        (&idle, idle.close_balance(Money::Usdc), 3),
    ] {
        world.clone().send(std::slice::from_ref(&good)).expect("works with the right vault");
        let mut bad = good;
        bad.accounts[at].pubkey = vault;
        refuses(world, &bad, EscrowError::VaultAddress);
    }
}

#[test]
fn a_second_mint_is_not_put_into_the_first_one_s_balance() {
    let mut world = funded();
    let (buyer, second) = (world.cast.buyer.pubkey(), Address::new_from_array([55; 32]));
    let account = Address::new_from_array([56; 32]);
    world.put(second, TOKEN_PROGRAM, mint_data(None));
    world.put(account, TOKEN_PROGRAM, token_data(&second, &buyer, 100));
    world.send(&[world.program.set_mint(world.cast.admin.pubkey(), second, true)]).expect("on the list");
    let good = world.program.deposit(buyer, Purse::Tokens { mint: second, account }, Amount(5));
    let first = world.closed(Money::Usdc, 1).balance;
    for vault in [good.accounts[6].pubkey, world.program.vault(&first)] {
        let mut bad = good.clone();
        bad.accounts[2].pubkey = first;
        bad.accounts[6].pubkey = vault;
        refuses(&world, &bad, EscrowError::TokenMint);
    }
    // Nor into the balance of SOL.
    let mut bad = good.clone();
    bad.accounts[2].pubkey = world.closed(Money::Sol, 1).balance;
    refuses(&world, &bad, EscrowError::TokenMint);
    world.send(&[good]).expect("into a balance of its own");
}

#[test]
fn lamports_put_there_before_stop_no_creation() {
    for lamports in [1, 890_880, 5_000_000_000] {
        for money in Money::BOTH {
            let mut world = World::bare();
            let (buyer, mint) = (world.cast.buyer.pubkey(), world.mint_of(money));
            let balance = world.program.balance(&buyer, &mint);
            let purse = world.program.purse(&buyer, &mint);
            let places = [world.program.config(), balance, purse, world.escrow_address(1)];
            for place in places {
                let mut account = solana_account::Account { lamports, ..Default::default() };
                account.owner = SYSTEM_PROGRAM;
                world.svm.set_account(place, account).unwrap();
            }
            let mut ready = world.clone();
            let keys = [&world.cast.admin, &world.cast.settler, &world.cast.treasury].map(|key| key.pubkey());
            let deployer = world.cast.deployer.pubkey();
            let init = world.program.init(deployer, deployer, keys, BasisPoints(1_000));
            let list = world.program.set_mint(keys[0], mint, true);
            let steps = [
                init,
                list,
                world.deposit(money, DEPOSIT),
                world.open(money, 1),
                world.assign(1, 1),
                world.settle(money, 1, 900_000, 1),
                world.close_balance(money),
            ];
            ready.send(&steps[..4]).expect("set up");
            ready.send(&steps[4..]).expect("a job over gifts");
            for place in &places[1..] {
                assert_eq!(ready.svm.get_balance(place).unwrap_or(0), 0, "something stayed");
            }
        }
    }
}

#[test]
fn gifts_to_a_balance_change_no_books_and_go_to_the_owner() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        let buyer = world.cast.buyer.pubkey();
        let balance = world.closed(money, 1).balance;
        let vault = world.program.vault(&balance);
        match money {
            Money::Sol => {
                world.send(&[transfer(&world, &balance, 12_345)]).expect("a gift");
            }
            Money::Usdc => {
                world.put(vault, TOKEN_PROGRAM, token_data(&world.mint, &balance, 10 * DEPOSIT + 12_345));
            }
        }
        let before = Ledger::of(&world);
        let had = (world.svm.get_balance(&buyer).unwrap(), token_amount(&world, &buyer));
        let steps = [world.settle(money, 1, 1_000, 1), world.close_balance(money)];
        world.send(&steps).expect("a job over gifts");
        let got = match money {
            Money::Sol => world.svm.get_balance(&buyer).unwrap() - had.0 - rent(&world, 88),
            Money::Usdc => token_amount(&world, &buyer) - had.1,
        };
        assert_eq!(got, 10 * DEPOSIT - 1_000 + 12_345);
        assert_eq!(before.lamports(), Ledger::of(&world).lamports());
        assert_eq!(before.tokens(), Ledger::of(&world).tokens());
    }
}

#[test]
fn all_rent_goes_back_to_who_paid_it() {
    for money in Money::BOTH {
        for end in ["settle", "refund", "cancel", "expire"] {
            let mut world = World::new();
            let (buyer, sponsor) = (world.cast.buyer.pubkey(), world.cast.sponsor.pubkey());
            let lamports = |world: &World| [buyer, sponsor].map(|who| world.svm.get_balance(&who).unwrap());
            let ([had, sponsored], tokens) = (lamports(&world), token_amount(&world, &buyer));
            world.send(&[world.deposit(money, DEPOSIT), world.open(money, 1)]).expect("an open");
            let locked = if money == Money::Sol {
                DEPOSIT + rent(&world, 88)
            } else {
                rent(&world, 88) + rent(&world, 165)
            };
            assert_eq!(lamports(&world), [had - locked, sponsored - rent(&world, 248)], "{end}");
            if end != "cancel" {
                world.send(&[world.assign(1, 1)]).expect("an assignment");
            }
            let (instruction, paid) = match end {
                "settle" => (world.settle(money, 1, 700_001, 1), 700_001),
                "refund" => (world.refund(money, 1), 0),
                "cancel" => (world.cancel(money, 1), 0),
                _ => {
                    world.at(START + LIFE);
                    (world.expire(money, 1), 0)
                }
            };
            world.send(&[instruction]).expect(end);
            assert_eq!(lamports(&world), [had - locked, sponsored], "{end}");
            world.send(&[world.close_balance(money)]).expect("an end");
            let (lamports_paid, tokens_paid) = if money == Money::Sol { (paid, 0) } else { (0, paid) };
            assert_eq!(lamports(&world), [had - lamports_paid, sponsored], "{end}");
            assert_eq!(token_amount(&world, &buyer), tokens - tokens_paid, "{end}");
            assert_eq!(
                world.locked(),
                i64::try_from(rent(&world, 280)).unwrap(),
                "the configuration's alone"
            );
        }
    }
}
