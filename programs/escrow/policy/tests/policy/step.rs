//! One act of a history, and a generator that makes many of them possible and some of them not.

use cyxwiz_escrow_policy::{MAX_FEE, MAX_LIFE, MIN_LIFE};

use crate::chance::Chance;
use crate::model::{MINT, Model, Place, Who};

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) who: Who,
    pub(crate) now: i64,
    pub(crate) act: Act,
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Deposit { owner: Who, amount: u64 },
    Withdraw { owner: Who, amount: u64 },
    Open { owner: Who, job: u8, deposit: u64, limit: u64, ends: i64, edition: u32 },
    Assign { owner: Who, job: u8, payee: Who, epoch: u32 },
    TopUp { owner: Who, job: u8, amount: u64 },
    Settle { owner: Who, job: u8, charged: u64, epoch: u32 },
    Refund { owner: Who, job: u8 },
    Cancel { owner: Who, job: u8 },
    Expire { owner: Who, job: u8 },
    Propose(Who),
    Accept,
    SetKeeper { key: Who, void: bool },
    SetHouse(Who),
    SetFee(u16),
    List { mint: Who, on: bool },
    Stop(bool),
}

/// Owners of balances.
pub(crate) const OWNERS: [Who; 2] = [1, 2];
const ANYBODY: [Who; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const JOBS: [u8; 2] = [1, 2];

/// The next step of a history, mostly by who may do it and mostly with numbers that matter.
pub(crate) fn step(model: &Model, chance: &mut Chance, now: &mut i64) -> Step {
    let (owner, job) = (chance.pick(&OWNERS), chance.pick(&JOBS));
    *now += pass(model, (owner, job), chance, *now);
    let deal = model.deals.get(&(owner, job));
    let free = u64::try_from(model.coins(Place::Free(owner))).unwrap();
    let pot = u64::try_from(model.coins(Place::Pot(owner, job))).unwrap();
    let keeper = deal.map_or(model.keeper, |deal| deal.keeper);
    let working = deal.and_then(|deal| deal.worker).map_or(0, |(_, epoch)| epoch);
    let (who, act) = match chance.below(32) {
        0..5 => (owner, Act::Deposit { owner, amount: amount(chance, 1_000_000) }),
        5..7 => (owner, Act::Withdraw { owner, amount: amount(chance, free) }),
        7..13 => (owner, open(model, chance, (owner, job), free, *now)),
        13..17 => {
            let epoch = near(chance, u64::from(working) + 1);
            (keeper, Act::Assign { owner, job, payee: chance.pick(&ANYBODY), epoch })
        }
        17..19 => (chance.pick(&[owner, keeper]), Act::TopUp { owner, job, amount: amount(chance, free) }),
        19..23 => {
            let epoch = near(chance, u64::from(working));
            (keeper, Act::Settle { owner, job, charged: amount(chance, pot), epoch })
        }
        23 => (keeper, Act::Refund { owner, job }),
        24 => (owner, Act::Cancel { owner, job }),
        25 => (chance.pick(&ANYBODY), Act::Expire { owner, job }),
        26 => (model.boss, Act::Propose(chance.pick(&ANYBODY))),
        27 => (model.heir, Act::Accept),
        28 => (model.boss, Act::SetKeeper { key: chance.pick(&ANYBODY), void: chance.one_in(3) }),
        29 => (model.boss, Act::SetHouse(chance.pick(&ANYBODY))),
        30 => (model.boss, Act::SetFee(u16::try_from(chance.below(u64::from(MAX_FEE.0) + 9)).unwrap())),
        _ => (model.boss, list_or_stop(chance)),
    };
    let who = if chance.one_in(8) { chance.pick(&ANYBODY) } else { who };
    Step { who, now: *now, act }
}

/// Mostly a little time, sometimes up to an edge of a deadline.
fn pass(model: &Model, key: (Who, u8), chance: &mut Chance, now: i64) -> i64 {
    let far = model.deals.get(&key).map_or(0, |deal| deal.ends - now);
    match chance.below(40) {
        0 if far > 1 => far - 1,
        1 if far > 0 => far,
        2 if far > 0 => far + 1,
        _ => i64::try_from(chance.below(60)).unwrap(),
    }
}

fn open(model: &Model, chance: &mut Chance, (owner, job): (Who, u8), free: u64, now: i64) -> Act {
    let deposit = if chance.one_in(3) { amount(chance, free) } else { chance.below(free / 2 + 1) };
    let limit =
        if chance.one_in(9) { deposit.wrapping_sub(1) } else { deposit.saturating_add(chance.below(99_999)) };
    let life = match chance.below(12) {
        0 => MIN_LIFE - 1,
        1 => MIN_LIFE,
        2 => MAX_LIFE,
        3 => MAX_LIFE + 1,
        _ => MIN_LIFE + i64::try_from(chance.below(9_999)).unwrap(),
    };
    let edition = near(chance, u64::from(model.edition));
    Act::Open { owner, job, deposit, limit, ends: now + life, edition }
}

fn list_or_stop(chance: &mut Chance) -> Act {
    match chance.below(4) {
        0 => Act::Stop(true),
        1 => Act::Stop(false),
        2 => Act::List { mint: MINT, on: !chance.one_in(4) },
        _ => Act::List { mint: chance.pick(&ANYBODY), on: chance.one_in(2) },
    }
}

/// Mostly the number, sometimes one beside it.
fn near(chance: &mut Chance, number: u64) -> u32 {
    let off = match chance.below(12) {
        0 => number.wrapping_sub(1),
        1 => number + 1,
        2 => chance.next(),
        _ => number,
    };
    u32::try_from(off & u64::from(u32::MAX)).unwrap()
}

/// An amount around `most`: nothing, one, all, one more, anything below, or the largest there is.
fn amount(chance: &mut Chance, most: u64) -> u64 {
    match chance.below(24) {
        0 => 0,
        1 => 1,
        2..5 => most,
        5 => most.saturating_add(1),
        6 => u64::MAX,
        7 => chance.next(),
        _ => chance.below(most.saturating_add(1).max(1)),
    }
}
