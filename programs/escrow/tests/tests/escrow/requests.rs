//! Requests that are no requests: data and accounts too few, too many, or impossible.

use cyxwiz_escrow_interface::EscrowError;
use cyxwiz_escrow_interface::policy::{Amount, BasisPoints, MAX_FEE, MAX_LIFE, MIN_LIFE, Order, UnixTime};
use cyxwiz_escrow_tests::{DEPOSIT, Money, START};
use solana_instruction::AccountMeta;
use solana_signer::Signer;

use crate::cases::{all, assigned, funded, opened, refuses};

#[test]
fn data_that_is_short_or_long_is_refused() {
    for case in all() {
        for length in 1..case.good.data.len() {
            let mut bad = case.good.clone();
            bad.data.truncate(length);
            refuses(&case.world, &bad, EscrowError::DataLength);
        }
        let mut bad = case.good.clone();
        bad.data.push(0);
        refuses(&case.world, &bad, EscrowError::DataLength);
        bad.data.clear();
        refuses(&case.world, &bad, EscrowError::DataLength);
    }
}

#[test]
fn an_unknown_instruction_is_refused() {
    let case = all().remove(0);
    for tag in [18, 19, 127, 255] {
        let mut bad = case.good.clone();
        bad.data[0] = tag;
        refuses(&case.world, &bad, EscrowError::UnknownInstruction);
    }
}

#[test]
fn a_flag_is_zero_or_one() {
    let mut seen = 0;
    for case in all() {
        if ["set_settle_key", "set_paused", "set_mint"].contains(&case.name.as_str()) {
            let mut bad = case.good.clone();
            *bad.data.last_mut().unwrap() = 2;
            refuses(&case.world, &bad, EscrowError::DataValue);
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn accounts_too_few_or_too_many_are_refused() {
    for case in all() {
        let full = case.good.accounts.len();
        for count in (0..full + 4).filter(|count| *count != full) {
            let mut bad = case.good.clone();
            bad.accounts.truncate(count);
            while bad.accounts.len() < count {
                bad.accounts.push(AccountMeta::new_readonly(case.world.cast.bank.pubkey(), false));
            }
            match (bad.data[0], count) {
                // As many as the same request takes for SOL: a request for another kind of balance.
                (8, 4) | (9 | 10, 2) | (14, 7) => {}
                // As many as it takes for tokens, the last of which is no token program.
                (9 | 10, 5) | (14, 9) => refuses(&case.world, &bad, EscrowError::NotTokenProgram),
                _ => refuses(&case.world, &bad, EscrowError::AccountCount),
            }
        }
    }
}

#[test]
fn tokens_are_not_handled_as_sol() {
    let world = assigned(Money::Usdc);
    let mut bad = world.withdraw(Money::Usdc, 1);
    bad.accounts.truncate(2);
    refuses(&world, &bad, EscrowError::WrongKindOfMint);
    let mut bad = world.close_balance(Money::Usdc);
    bad.accounts.truncate(2);
    refuses(&world, &bad, EscrowError::WrongKindOfMint);
    let mut bad = world.deposit(Money::Usdc, 1);
    bad.accounts.truncate(4);
    refuses(&world, &bad, EscrowError::WrongKindOfMint);
    let mut bad = world.settle(Money::Usdc, 1, 5, 1);
    bad.accounts.truncate(7);
    refuses(&world, &bad, EscrowError::WrongKindOfMint);
}

#[test]
fn sol_is_not_handled_as_tokens() {
    let world = assigned(Money::Sol);
    let balance = world.closed(Money::Sol, 1).balance;
    for mut bad in [world.withdraw(Money::Usdc, 1), world.close_balance(Money::Usdc)] {
        bad.accounts[1].pubkey = balance;
        refuses(&world, &bad, EscrowError::WrongKindOfMint);
    }
    let mut bad = world.settle(Money::Usdc, 1, 5, 1);
    bad.accounts[2].pubkey = balance;
    refuses(&world, &bad, EscrowError::WrongKindOfMint);
}

#[test]
fn amounts_at_the_edges() {
    for money in Money::BOTH {
        let world = funded();
        let balance = 10 * DEPOSIT;
        refuses(&world, &world.deposit(money, 0), EscrowError::AmountZero);
        refuses(&world, &world.deposit(money, u64::MAX), EscrowError::Overflow);
        refuses(&world, &world.withdraw(money, 0), EscrowError::AmountZero);
        refuses(&world, &world.withdraw(money, balance + 1), EscrowError::InsufficientFree);
        refuses(&world, &world.withdraw(money, u64::MAX), EscrowError::InsufficientFree);
        for amount in [1, balance] {
            world.clone().send(&[world.withdraw(money, amount)]).expect("a withdrawal");
        }
        world.clone().send(&[world.deposit(money, 1)]).expect("a deposit");
        let world = assigned(money);
        refuses(&world, &world.top_up(money, 1, 0), EscrowError::AmountZero);
        refuses(&world, &world.top_up(money, 1, u64::MAX), EscrowError::Overflow);
        refuses(&world, &world.top_up(money, 1, 2 * DEPOSIT + 1), EscrowError::TopUpAboveLimit);
        for amount in [1, 2 * DEPOSIT] {
            world.clone().send(&[world.top_up(money, 1, amount)]).expect("a top-up");
        }
        refuses(&world, &world.settle(money, 1, DEPOSIT + 1, 1), EscrowError::ChargeAboveDeposit);
        refuses(&world, &world.settle(money, 1, u64::MAX, 1), EscrowError::ChargeAboveDeposit);
        for charged in [0, 1, DEPOSIT] {
            world.clone().send(&[world.settle(money, 1, charged, 1)]).expect("a settlement");
        }
    }
}

#[test]
fn orders_at_the_edges() {
    let world = funded();
    let (buyer, mint) = (world.cast.buyer.pubkey(), world.mint);
    let order = world.order(1);
    let open = |order| world.program.open(buyer, buyer, mint, order);
    for (deposit, limit, error) in [
        (0, 0, EscrowError::AmountZero),
        (0, 5, EscrowError::AmountZero),
        (10 * DEPOSIT + 1, u64::MAX, EscrowError::InsufficientFree),
        (u64::MAX, u64::MAX, EscrowError::InsufficientFree),
        (5, 4, EscrowError::LimitBelowDeposit),
    ] {
        let order = Order { deposit: Amount(deposit), limit: Amount(limit), ..order };
        refuses(&world, &open(order), error);
    }
    let all = Amount(10 * DEPOSIT);
    for deposit in [Amount(1), all] {
        let order = Order { deposit, limit: Amount(u64::MAX), ..order };
        world.clone().send(&[open(order)]).expect("an open");
    }
}

#[test]
fn deadlines_at_the_edges() {
    for money in Money::BOTH {
        let world = funded();
        let (buyer, sponsor) = (world.cast.buyer.pubkey(), world.cast.sponsor.pubkey());
        let open = |expire_at| {
            let order = Order { expire_at: UnixTime(expire_at), ..world.order(1) };
            world.program.open(buyer, sponsor, world.mint_of(money), order)
        };
        for soon in [i64::MIN, -1, 0, START - 1, START, START + MIN_LIFE - 1] {
            refuses(&world, &open(soon), EscrowError::DeadlineTooSoon);
        }
        for late in [START + MAX_LIFE + 1, i64::MAX - 1, i64::MAX] {
            refuses(&world, &open(late), EscrowError::DeadlineTooLate);
        }
        for allowed in [START + MIN_LIFE, START + MIN_LIFE + 1, START + MAX_LIFE - 1, START + MAX_LIFE] {
            let mut world = world.clone();
            world.send(&[open(allowed)]).expect("an open");
            world.at(allowed - 1);
            refuses(&world, &world.expire(money, 1), EscrowError::NotExpired);
            world.at(allowed);
            world.send(&[world.expire(money, 1)]).expect("an expiry");
        }
    }
}

#[test]
fn a_job_has_one_escrow() {
    for money in Money::BOTH {
        let world = opened(money);
        refuses(&world, &world.open(money, 1), EscrowError::AlreadyExists);
    }
    // Nor a second one of the other mint.
    let world = opened(Money::Sol);
    refuses(&world, &world.open(Money::Usdc, 1), EscrowError::AlreadyExists);
}

#[test]
fn a_fee_above_the_ceiling_is_refused() {
    let world = funded();
    let fee = world.program.set_fee(world.cast.admin.pubkey(), BasisPoints(MAX_FEE.0 + 1));
    refuses(&world, &fee, EscrowError::FeeTooHigh);
}
