//! What should work, does, to the unit.

use cyxwiz_escrow_interface::build::{Closed, Paid};
use cyxwiz_escrow_interface::policy::{Amount, Closing, Epoch};
use cyxwiz_escrow_interface::{EscrowError, Event};
use cyxwiz_escrow_tests::{DEPOSIT, LIFE, Ledger, Money, START, World};
use solana_signer::Signer;

use crate::cases::{assigned, funded, opened, refuses};

/// Charged in these tests: nine tenths of it are not a whole number.
const CHARGED: u64 = 700_001;

fn holds(world: &World, money: Money, who: &cyxwiz_escrow_interface::Address) -> u64 {
    match money {
        Money::Sol => world.svm.get_balance(who).unwrap_or(0),
        Money::Usdc => {
            let data = world.data(&world.wallet(who)).unwrap();
            u64::from_le_bytes(data[64..72].try_into().unwrap())
        }
    }
}

#[test]
fn a_job_is_paid_to_the_unit() {
    for money in Money::BOTH {
        let mut world = World::new();
        let (buyer, node, treasury) =
            (world.cast.buyer.pubkey(), world.cast.node.pubkey(), world.cast.treasury.pubkey());
        let had = [node, treasury].map(|who| holds(&world, money, &who));
        let before = Ledger::of(&world);
        // Three signatures of three transactions, those of who pays the fees aside.
        world.send(&[world.deposit(money, DEPOSIT), world.open(money, 1)]).expect("an open");
        world.send(&[world.assign(1, 1)]).expect("an assignment");
        let sent = world.send(&[world.settle(money, 1, CHARGED, 1)]).expect("a settlement");
        let has = [node, treasury].map(|who| holds(&world, money, &who));
        assert_eq!([has[0] - had[0], has[1] - had[1]], [630_000, 70_001]);
        let books = world.balance(&buyer, &world.mint_of(money)).unwrap().balance;
        assert_eq!((books.free.0, books.locked.0), (DEPOSIT - CHARGED, 0));
        let settled = Event::Settled {
            buyer,
            job: world.order(1).job,
            payee: node,
            epoch: Epoch(1),
            node: Amount(630_000),
            platform: Amount(70_001),
            refund: Amount(DEPOSIT - CHARGED),
        };
        assert_eq!(sent.events, [settled]);
        world.send(&[world.close_balance(money)]).expect("everything back");
        let after = Ledger::of(&world);
        assert_eq!((before.lamports(), before.tokens()), (after.lamports(), after.tokens()));
    }
}

#[test]
fn an_open_is_told_in_full() {
    let mut world = funded();
    let order = world.order(1);
    let buyer = world.cast.buyer.pubkey();
    let sent = world.send(&[world.open(Money::Usdc, 1)]).expect("an open");
    let opened = Event::Opened {
        buyer,
        job: order.job,
        mint: world.mint,
        deposit: order.deposit,
        limit: order.limit,
        expire_at: order.expire_at,
    };
    assert_eq!(sent.events, [opened]);
    let escrow = world.escrow(&buyer, order.job).unwrap();
    assert_eq!(escrow.rent_payer, world.cast.sponsor.pubkey());
    assert_eq!(escrow.escrow.settle_key, world.cast.settler.pubkey());
    assert_eq!(escrow.escrow.treasury, world.cast.treasury.pubkey());
    assert_eq!(Closed::of(&world.program, &escrow), world.closed(Money::Usdc, 1));
    assert_eq!(Paid::sol(&escrow), None);
}

#[test]
fn a_job_moves_to_another_node() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        let (settler, other) = (world.cast.settler.pubkey(), world.cast.other_node.pubkey());
        let had = holds(&world, money, &other);
        world
            .send(&[world.program.assign(settler, world.escrow_address(1), other, Epoch(7))])
            .expect("moved");
        let escrow = world.escrow(&world.cast.buyer.pubkey(), world.order(1).job).unwrap();
        let paid = match money {
            Money::Sol => Paid::sol(&escrow).unwrap(),
            Money::Usdc => Paid::Tokens {
                payee: world.wallet(&other),
                treasury: world.wallet(&world.cast.treasury.pubkey()),
            },
        };
        let charge = cyxwiz_escrow_interface::policy::Charge { charged: Amount(10), epoch: Epoch(7) };
        let settle = world.program.settle(settler, world.closed(money, 1), paid, charge);
        world.send(&[settle]).expect("a settlement");
        assert_eq!(holds(&world, money, &other) - had, 9);
    }
}

#[test]
fn everything_goes_back_in_three_ways() {
    for money in Money::BOTH {
        let (open, assigned) = (opened(money), assigned(money));
        let mut late = assigned.clone();
        late.at(START + LIFE);
        for (mut world, end, closing) in [
            (open.clone(), open.cancel(money, 1), Closing::Cancel),
            (assigned.clone(), assigned.refund(money, 1), Closing::Refund),
            (late.clone(), late.expire(money, 1), Closing::Expire),
        ] {
            let buyer = world.cast.buyer.pubkey();
            let sent = world.send(&[end]).expect("an end");
            let job = world.order(1).job;
            assert_eq!(sent.events, [Event::GivenBack { buyer, job, amount: Amount(DEPOSIT), closing }]);
            let books = world.balance(&buyer, &world.mint_of(money)).unwrap().balance;
            assert_eq!((books.free.0, books.locked.0), (10 * DEPOSIT, 0));
        }
    }
}

#[test]
fn a_vanished_platform_keeps_nothing() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        world.at(START + LIFE);
        let had = holds(&world, money, &world.cast.buyer.pubkey());
        // A stranger's transaction; the buyer signs for what is his.
        world.send(&[world.expire(money, 1)]).expect("an expiry");
        world.send(&[world.close_balance(money)]).expect("everything back");
        let rent = if money == Money::Sol { world.svm.minimum_balance_for_rent_exemption(88) } else { 0 };
        assert_eq!(holds(&world, money, &world.cast.buyer.pubkey()) - had, 10 * DEPOSIT + rent);
    }
}

#[test]
fn a_buyer_tops_up_beyond_his_limit() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        let mut top_up = world.top_up(money, 1, 4 * DEPOSIT);
        top_up.accounts[0].pubkey = world.cast.buyer.pubkey();
        let sent = world.send(&[top_up]).expect("a top-up");
        let (buyer, job) = (world.cast.buyer.pubkey(), world.order(1).job);
        let (amount, deposit) = (Amount(4 * DEPOSIT), Amount(5 * DEPOSIT));
        assert_eq!(sent.events, [Event::ToppedUp { buyer, job, amount, deposit }]);
        world.send(&[world.settle(money, 1, 5 * DEPOSIT, 1)]).expect("a settlement");
    }
}

#[test]
fn what_is_behind_a_job_is_not_withdrawn() {
    for money in Money::BOTH {
        let mut world = opened(money);
        refuses(&world, &world.withdraw(money, 9 * DEPOSIT + 1), EscrowError::InsufficientFree);
        world.send(&[world.withdraw(money, 9 * DEPOSIT)]).expect("all that is free");
        refuses(&world, &world.close_balance(money), EscrowError::BalanceInUse);
        world.send(&[world.assign(1, 1), world.settle(money, 1, DEPOSIT, 1)]).expect("a settlement");
        world.send(&[world.close_balance(money)]).expect("an end");
    }
}

#[test]
fn platform_and_node_may_be_one() {
    for money in Money::BOTH {
        let mut world = opened(money);
        let treasury = world.cast.treasury.pubkey();
        let had = holds(&world, money, &treasury);
        let assign =
            world.program.assign(world.cast.settler.pubkey(), world.escrow_address(1), treasury, Epoch(1));
        let mut settle = world.settle(money, 1, CHARGED, 1);
        settle.accounts[5].pubkey = settle.accounts[6].pubkey;
        world.send(&[assign, settle]).expect("a settlement");
        assert_eq!(holds(&world, money, &treasury) - had, CHARGED);
    }
}

#[test]
fn a_buyer_may_be_his_own_node_and_sponsor() {
    let mut world = funded();
    let (buyer, settler) = (world.cast.buyer.pubkey(), world.cast.settler.pubkey());
    let had = world.svm.get_balance(&buyer).unwrap();
    let open = world.program.open(buyer, buyer, world.mint_of(Money::Sol), world.order(1));
    let assign = world.program.assign(settler, world.escrow_address(1), buyer, Epoch(1));
    let mut settle = world.settle(Money::Sol, 1, CHARGED, 1);
    settle.accounts[4].pubkey = buyer;
    settle.accounts[5].pubkey = buyer;
    world.send(&[open, assign, settle]).expect("a job of one's own");
    assert_eq!(world.svm.get_balance(&buyer).unwrap() - had, 630_000);
}
