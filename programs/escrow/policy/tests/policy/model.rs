//! The model: coins lie in places, and each act moves some if the tables allow it.

use std::collections::BTreeMap;

use cyxwiz_escrow_policy::{MAX_FEE, MAX_LIFE, MAX_MINTS, MIN_LIFE};

use crate::step::{Act, Step};

/// Who: 0 is nobody.
pub(crate) type Who = u8;

/// Where a coin can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Outside: what an owner brought in is missing there.
    Pocket(Who),
    /// In an owner's balance, free.
    Free(Who),
    /// Behind a job of an owner.
    Pot(Who, u8),
}

/// What was agreed for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deal {
    pub(crate) cap: u128,
    pub(crate) ends: i64,
    pub(crate) keeper: Who,
    pub(crate) house: Who,
    pub(crate) fee: u128,
    pub(crate) since: u32,
    pub(crate) worker: Option<(Who, u32)>,
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) coins: BTreeMap<Place, i128>,
    pub(crate) deals: BTreeMap<(Who, u8), Deal>,
    pub(crate) boss: Who,
    pub(crate) heir: Who,
    pub(crate) keeper: Who,
    pub(crate) house: Who,
    pub(crate) fee: u128,
    pub(crate) edition: u32,
    pub(crate) void_before: u32,
    pub(crate) stopped: bool,
    pub(crate) listed: Vec<Who>,
}

impl Model {
    pub(crate) fn coins(&self, place: Place) -> i128 {
        self.coins.get(&place).copied().unwrap_or(0)
    }

    fn shift(&mut self, from: Place, to: Place, amount: u128) {
        let amount = i128::try_from(amount).unwrap();
        *self.coins.entry(from).or_default() -= amount;
        *self.coins.entry(to).or_default() += amount;
    }

    fn has(&self, place: Place, amount: u128) -> bool {
        u128::try_from(self.coins(place)).is_ok_and(|have| have >= amount)
    }

    fn in_books(&self, owner: Who) -> u128 {
        let mine = |place: &Place| match place {
            Place::Free(who) | Place::Pot(who, _) => *who == owner,
            Place::Pocket(_) => false,
        };
        self.coins.iter().filter(|(place, _)| mine(place)).map(|(_, n)| u128::try_from(*n).unwrap()).sum()
    }

    /// Does the step if the tables allow it, and says whether they do.
    pub(crate) fn step(&mut self, step: &Step) -> bool {
        let Step { who, now, act } = step;
        match act {
            Act::Deposit { owner, amount } => self.deposit(*owner, u128::from(*amount)),
            Act::Withdraw { owner, amount } => {
                let amount = u128::from(*amount);
                let may = who == owner && amount > 0 && self.has(Place::Free(*owner), amount);
                if may {
                    self.shift(Place::Free(*owner), Place::Pocket(*owner), amount);
                }
                may
            }
            Act::Open { owner, job, deposit, limit, ends, edition } => {
                self.open(*who, (*owner, *job), [*deposit, *limit].map(u128::from), (*ends, *now), *edition)
            }
            Act::Assign { owner, job, payee, epoch } => {
                let void = self.void_before;
                let Some(deal) = self.deals.get_mut(&(*owner, *job)) else { return false };
                let last = deal.worker.map_or(0, |(_, epoch)| epoch);
                let may = *who == deal.keeper
                    && deal.since >= void
                    && *now < deal.ends
                    && *payee != 0
                    && *epoch > last;
                if may {
                    deal.worker = Some((*payee, *epoch));
                }
                may
            }
            Act::TopUp { owner, job, amount } => self.top_up(*who, (*owner, *job), u128::from(*amount), *now),
            Act::Settle { owner, job, charged, epoch } => {
                self.settle(*who, (*owner, *job), u128::from(*charged), (*epoch, *now))
            }
            Act::Refund { owner, job } => {
                let may = self.deals.get(&(*owner, *job)).is_some_and(|deal| deal.keeper == *who);
                may && self.give_back(*owner, *job)
            }
            Act::Cancel { owner, job } => {
                let free = |deal: &Deal| deal.worker.is_none() || deal.since < self.void_before;
                let may = who == owner && self.deals.get(&(*owner, *job)).is_some_and(free);
                may && self.give_back(*owner, *job)
            }
            Act::Expire { owner, job } => {
                let may = self.deals.get(&(*owner, *job)).is_some_and(|deal| *now >= deal.ends);
                may && self.give_back(*owner, *job)
            }
            Act::Propose(next) => self.by_boss(*who, true, |model| model.heir = *next),
            Act::Accept => {
                let may = *who != 0 && *who == self.heir;
                if may {
                    (self.boss, self.heir) = (*who, 0);
                }
                may
            }
            Act::SetKeeper { key, void } => self.by_boss(*who, *key != 0, |model| {
                model.keeper = *key;
                model.edition += 1;
                if *void {
                    model.void_before = model.edition;
                }
            }),
            Act::SetHouse(house) => self.by_boss(*who, *house != 0, |model| {
                model.house = *house;
                model.edition += 1;
            }),
            Act::SetFee(fee) => self.by_boss(*who, *fee <= MAX_FEE.0, |model| {
                model.fee = u128::from(*fee);
                model.edition += 1;
            }),
            Act::List { mint, on } => {
                let fits = !on || self.listed.contains(mint) || self.listed.len() < MAX_MINTS;
                self.by_boss(*who, fits, |model| {
                    model.listed.retain(|have| have != mint);
                    if *on {
                        model.listed.push(*mint);
                    }
                })
            }
            Act::Stop(stop) => self.by_boss(*who, true, |model| model.stopped = *stop),
        }
    }

    fn by_boss(&mut self, who: Who, otherwise: bool, change: impl FnOnce(&mut Self)) -> bool {
        let may = who == self.boss && otherwise;
        if may {
            change(self);
        }
        may
    }

    fn admits(&self) -> bool {
        !self.stopped && self.listed.contains(&MINT)
    }

    fn deposit(&mut self, owner: Who, amount: u128) -> bool {
        let fits = self.in_books(owner) + amount <= u128::from(u64::MAX);
        let may = self.admits() && amount > 0 && fits;
        if may {
            self.shift(Place::Pocket(owner), Place::Free(owner), amount);
        }
        may
    }

    fn open(
        &mut self,
        who: Who,
        (owner, job): (Who, u8),
        [deposit, limit]: [u128; 2],
        (ends, now): (i64, i64),
        edition: u32,
    ) -> bool {
        let may = who == owner
            && !self.deals.contains_key(&(owner, job))
            && self.admits()
            && edition == self.edition
            && 0 < deposit
            && deposit <= limit
            && (now + MIN_LIFE..=now + MAX_LIFE).contains(&ends)
            && self.has(Place::Free(owner), deposit);
        if may {
            self.shift(Place::Free(owner), Place::Pot(owner, job), deposit);
            let (keeper, house, fee) = (self.keeper, self.house, self.fee);
            let deal = Deal { cap: limit, ends, keeper, house, fee, since: edition, worker: None };
            self.deals.insert((owner, job), deal);
        }
        may
    }

    fn top_up(&mut self, who: Who, (owner, job): (Who, u8), amount: u128, now: i64) -> bool {
        let Some(deal) = self.deals.get(&(owner, job)) else { return false };
        let after = u128::try_from(self.coins(Place::Pot(owner, job))).unwrap() + amount;
        let by_owner = who == owner;
        let by_keeper = who == deal.keeper && deal.since >= self.void_before && after <= deal.cap;
        let may =
            (by_owner || by_keeper) && amount > 0 && now < deal.ends && self.has(Place::Free(owner), amount);
        if may {
            self.shift(Place::Free(owner), Place::Pot(owner, job), amount);
            if let Some(deal) = self.deals.get_mut(&(owner, job)) {
                deal.cap = deal.cap.max(after);
            }
        }
        may
    }

    fn settle(&mut self, who: Who, (owner, job): (Who, u8), charged: u128, (epoch, now): (u32, i64)) -> bool {
        let Some(deal) = self.deals.get(&(owner, job)).cloned() else { return false };
        let Some((worker, working)) = deal.worker else { return false };
        let may = who == deal.keeper
            && deal.since >= self.void_before
            && now < deal.ends
            && epoch == working
            && self.has(Place::Pot(owner, job), charged);
        if may {
            let node = charged * (10_000 - deal.fee) / 10_000;
            self.shift(Place::Pot(owner, job), Place::Pocket(worker), node);
            self.shift(Place::Pot(owner, job), Place::Pocket(deal.house), charged - node);
            self.give_back(owner, job);
        }
        may
    }

    fn give_back(&mut self, owner: Who, job: u8) -> bool {
        let rest = u128::try_from(self.coins(Place::Pot(owner, job))).unwrap();
        self.shift(Place::Pot(owner, job), Place::Free(owner), rest);
        self.deals.remove(&(owner, job));
        true
    }
}

/// The mint of all balances here.
pub(crate) const MINT: Who = 77;
