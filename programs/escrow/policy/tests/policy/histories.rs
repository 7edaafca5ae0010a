//! Random histories: the rules and the model do the same, and in the end everybody has what is his.

use std::collections::BTreeMap;

use cyxwiz_escrow_policy::{
    Amount, Balance, BasisPoints, Charge, Config, ConfigVersion, Epoch, Escrow, JobId, Order, Refusal, Stage,
    UnixTime,
};

use crate::chance::Chance;
use crate::model::{MINT, Model, Place, Who};
use crate::step::{Act, OWNERS, Step, step};

/// How long a history is.
const STEPS: u64 = 40;

/// What the program would keep on the chain, and what it paid out.
struct Real {
    config: Config<Who>,
    balances: BTreeMap<Who, Balance<Who>>,
    escrows: BTreeMap<(Who, u8), Escrow<Who>>,
    pockets: BTreeMap<Who, i128>,
}

impl Real {
    fn new() -> Self {
        let config = Config::new(3, 4, 5, BasisPoints(1_000)).unwrap();
        let config = config.set_mint(3, MINT, true).unwrap();
        let balances = OWNERS.map(|owner| (owner, Balance::new(owner, MINT)));
        Self { config, balances: balances.into(), escrows: BTreeMap::new(), pockets: BTreeMap::new() }
    }

    fn pocket(&mut self, who: Who, amount: i128) {
        *self.pockets.entry(who).or_default() += amount;
    }

    fn step(&mut self, step: &Step) -> Result<(), Refusal> {
        let (who, now) = (step.who, UnixTime(step.now));
        let config = self.config;
        match step.act {
            Act::Deposit { owner, amount } => {
                config.admits(MINT)?;
                let after = self.balances[&owner].deposit(Amount(amount))?;
                self.balances.insert(owner, after);
                self.pocket(owner, -i128::from(amount));
            }
            Act::Withdraw { owner, amount } => {
                let after = self.balances[&owner].withdraw(who, Amount(amount))?;
                self.balances.insert(owner, after);
                self.pocket(owner, i128::from(amount));
            }
            Act::Open { owner, job, deposit, limit, ends, edition } => {
                let order = Order {
                    job: JobId([job; 16]),
                    deposit: Amount(deposit),
                    limit: Amount(limit),
                    expire_at: UnixTime(ends),
                    config_version: ConfigVersion(edition),
                };
                let (balance, escrow) = Escrow::open(&config, &self.balances[&owner], who, &order, now)?;
                // On the chain the account exists already, which is refused when it is created.
                if self.escrows.contains_key(&(owner, job)) {
                    return Err(Refusal::BalanceInUse);
                }
                self.balances.insert(owner, balance);
                self.escrows.insert((owner, job), escrow);
            }
            Act::Assign { owner, job, payee, epoch } => {
                let escrow = self.escrow(owner, job)?.assign(&config, who, (payee, Epoch(epoch)), now)?;
                self.escrows.insert((owner, job), escrow);
            }
            Act::TopUp { owner, job, amount } => {
                let sides = (&config, &self.balances[&owner]);
                let (balance, escrow) = self.escrow(owner, job)?.top_up(sides, who, Amount(amount), now)?;
                self.balances.insert(owner, balance);
                self.escrows.insert((owner, job), escrow);
            }
            Act::Settle { owner, job, charged, epoch } => {
                let charge = Charge { charged: Amount(charged), epoch: Epoch(epoch) };
                let sides = (&config, &self.balances[&owner]);
                let paid = self.escrow(owner, job)?.settle(sides, who, &charge, now)?;
                self.pocket(paid.payee, i128::from(paid.split.node.0));
                self.pocket(paid.treasury, i128::from(paid.split.platform.0));
                self.end((owner, job), paid.balance);
            }
            Act::Refund { owner, job } => {
                let after = self.escrow(owner, job)?.refund(&self.balances[&owner], who)?;
                self.end((owner, job), after);
            }
            Act::Cancel { owner, job } => {
                let after = self.escrow(owner, job)?.cancel(&config, &self.balances[&owner], who)?;
                self.end((owner, job), after);
            }
            Act::Expire { owner, job } => {
                let after = self.escrow(owner, job)?.expire(&self.balances[&owner], now)?;
                self.end((owner, job), after);
            }
            Act::Propose(next) => self.config = config.propose_admin(who, next)?,
            Act::Accept => self.config = config.accept_admin(who)?,
            Act::SetKeeper { key, void } => self.config = config.set_settle_key(who, key, void)?,
            Act::SetHouse(house) => self.config = config.set_treasury(who, house)?,
            Act::SetFee(fee) => self.config = config.set_fee(who, BasisPoints(fee))?,
            Act::List { mint, on } => self.config = config.set_mint(who, mint, on)?,
            Act::Stop(stop) => self.config = config.set_paused(who, stop)?,
        }
        Ok(())
    }

    fn escrow(&self, owner: Who, job: u8) -> Result<Escrow<Who>, Refusal> {
        self.escrows.get(&(owner, job)).copied().ok_or(Refusal::NotAssigned)
    }

    fn end(&mut self, key: (Who, u8), after: Balance<Who>) {
        self.balances.insert(key.0, after);
        self.escrows.remove(&key);
    }
}

/// The rules' world and the model say the same of everything.
fn compare(real: &Real, model: &Model, at: &str) {
    for owner in OWNERS {
        let balance = &real.balances[&owner];
        assert_eq!(i128::from(balance.free.0), model.coins(Place::Free(owner)), "free of {owner} {at}");
        let pots = [1, 2].map(|job| model.coins(Place::Pot(owner, job)));
        assert_eq!(i128::from(balance.locked.0), pots.iter().sum(), "locked of {owner} {at}");
    }
    let keys: Vec<_> = model.deals.keys().collect();
    assert_eq!(real.escrows.keys().collect::<Vec<_>>(), keys, "escrows {at}");
    for (key, deal) in &model.deals {
        let escrow = &real.escrows[key];
        assert_eq!(i128::from(escrow.deposit.0), model.coins(Place::Pot(key.0, key.1)), "deposit {at}");
        let worker = match escrow.stage {
            Stage::Open => None,
            Stage::Assigned { payee, epoch } => Some((payee, epoch.0)),
        };
        assert_eq!((worker, u128::from(escrow.limit.0)), (deal.worker, deal.cap), "terms {at}");
    }
    for who in 0..9 {
        let pocket = real.pockets.get(&who).copied().unwrap_or(0);
        assert_eq!(pocket, model.coins(Place::Pocket(who)), "pocket of {who} {at}");
    }
    assert_eq!(model.coins.values().sum::<i128>(), 0, "coins appeared or vanished {at}");
}

/// Plays history `number` and returns how many of its steps were allowed.
fn play(number: u64) -> u64 {
    let mut chance = Chance::new(number);
    let mut real = Real::new();
    let mut model = Model {
        boss: 3,
        keeper: 4,
        house: 5,
        fee: 1_000,
        edition: 1,
        listed: vec![MINT],
        ..Model::default()
    };
    let mut now = 1_800_000_000;
    let mut allowed = 0;
    for n in 0..STEPS {
        let step = step(&model, &mut chance, &mut now);
        let (does, did) = (model.step(&step), real.step(&step));
        assert_eq!(does, did.is_ok(), "history {number}, step {n}: {step:?} was {did:?}");
        allowed += u64::from(does);
    }
    compare(&real, &model, &format!("in history {number}"));
    strand_nothing(&mut real, &mut model, number, now);
    allowed
}

/// After the last deadline a stranger frees everything, and every owner takes it all, whatever the platform did.
fn strand_nothing(real: &mut Real, model: &mut Model, number: u64, mut now: i64) {
    now = model.deals.values().map(|deal| deal.ends).max().unwrap_or(now).max(now);
    for (owner, job) in model.deals.keys().copied().collect::<Vec<_>>() {
        let step = Step { who: 8, now, act: Act::Expire { owner, job } };
        assert!(
            model.step(&step) && real.step(&step).is_ok(),
            "history {number}: {owner}'s job {job} is stuck"
        );
    }
    for owner in OWNERS {
        let amount = real.balances[&owner].free.0;
        let step = Step { who: owner, now, act: Act::Withdraw { owner, amount } };
        if amount > 0 {
            assert!(
                model.step(&step) && real.step(&step).is_ok(),
                "history {number}: {owner}'s money is stuck"
            );
        }
        assert_eq!(real.balances[&owner].close(owner), Ok(Amount::ZERO), "history {number}");
    }
    compare(real, model, &format!("after history {number}"));
    assert_eq!(real.pockets.values().sum::<i128>(), 0, "history {number}");
}

#[test]
fn a_million_histories_agree_with_the_model() {
    const HISTORIES: u64 = 1_000_000;
    let workers = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let allowed: u64 = std::thread::scope(|scope| {
        let run = |worker| {
            scope.spawn(move || (worker..HISTORIES).step_by(workers as usize).map(play).sum::<u64>())
        };
        let all: Vec<_> = (0..workers).map(run).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    // Histories in which hardly anything is allowed would prove little.
    assert!(allowed > HISTORIES * STEPS / 3, "only {allowed} steps were allowed");
}
