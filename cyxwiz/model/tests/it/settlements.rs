use cyxwiz_escrow_policy::{
    Amount, Balance, BasisPoints, Charge, Config, Epoch, Escrow, JobId, Order, UnixTime,
};
use cyxwiz_model::{
    BudgetStep, Coin, DEFAULT_ATTEMPTS, HourlyPrice, HourlyRate, Meter, Moment, Reason, SolRate, Span,
    Verdict, budget_step, charge, expire_at, verdict,
};

use crate::chance::Chance;

const JOBS: u64 = 1_000_000;
const START: Moment = Moment(1_795_000_000_000);
const BUYER: u8 = 1;
const SETTLE_KEY: u8 = 2;
const TREASURY: u8 = 3;
const MINT: u8 = 4;
const NODE: u8 = 5;
const ADMIN: u8 = 9;
const FEE: BasisPoints = BasisPoints(1_000);
const SOL_RATE: SolRate = SolRate { micro_usd: 163_270_000, at: START };

/// What a job did, kept apart from the rules under test.
struct Run {
    reason: Reason,
    started: bool,
    /// The gaps between the signals of its node, milliseconds.
    gaps: Vec<u64>,
}

struct Job {
    rate: HourlyRate,
    /// What the whole allowed time costs.
    whole: Amount,
    balance: Balance<u8>,
    escrow: Escrow<u8>,
    config: Config<u8>,
}

impl Job {
    fn open(chance: &mut Chance) -> Self {
        let coin = if chance.one_in(2) { Coin::Usdc } else { Coin::Sol };
        let price = HourlyPrice(1 + chance.below(5_000_000));
        let rate = HourlyRate::of(price, coin, Some(SOL_RATE), START).unwrap();
        let timeout = Span::seconds(1 + chance.below(3600));
        let full = rate.deposit(timeout).unwrap();
        let deposit = if chance.one_in(3) { Amount(1 + chance.below(full.0.max(1))) } else { full };
        let limit = Amount(deposit.0.max(chance.below(full.0 * 2 + 2)));
        let free = deposit.0 + chance.below(full.0 * 2 + 2);
        let mut config = Config::new(ADMIN, SETTLE_KEY, TREASURY, FEE).unwrap();
        config = config.set_mint(ADMIN, MINT, true).unwrap();
        let balance = Balance::new(BUYER, MINT).deposit(Amount(free)).unwrap();
        let expire_at = UnixTime(expire_at(START, timeout).seconds());
        let order = Order { job: JobId([7; 16]), deposit, limit, expire_at, config_version: config.version };
        let now = UnixTime(START.seconds());
        let (balance, escrow) = Escrow::open(&config, &balance, BUYER, &order, now).unwrap();
        Self { rate, whole: charge(rate, timeout), balance, escrow, config }
    }

    /// Runs once: beats, tops up as the rules say, ends of itself or when the money does.
    fn run(&mut self, chance: &mut Chance, now: UnixTime) -> (Run, Option<Meter>) {
        let reasons = [Reason::Succeeded, Reason::Exit, Reason::NodeLost, Reason::Cancelled, Reason::Timeout];
        let mut run = Run { reason: chance.pick(&reasons), started: !chance.one_in(5), gaps: Vec::new() };
        if !run.started {
            return (run, None);
        }
        let mut at = START;
        let mut meter = Meter::start(at);
        for _ in 0..chance.below(12) {
            let gap = if chance.one_in(6) { chance.below(30_000) } else { chance.below(10_001) };
            run.gaps.push(gap);
            at = at.plus(Span(gap));
            meter = meter.beat(at);
            let spent = charge(self.rate, meter.counted);
            match budget_step(spent, self.escrow.deposit, self.whole, self.escrow.limit, self.balance.free) {
                BudgetStep::Go => {}
                BudgetStep::TopUp(more) => {
                    let books = (&self.config, &self.balance);
                    (self.balance, self.escrow) = self.escrow.top_up(books, SETTLE_KEY, more, now).unwrap();
                }
                BudgetStep::Stop => {
                    run.reason = Reason::Budget;
                    break;
                }
            }
        }
        (run, Some(meter.end(at)))
    }
}

/// The charge by the words of the design: counted gaps are those of at most ten seconds; whole hours and the rest apart.
fn expected_charge(rate: HourlyRate, gaps: &[u64], deposit: u64) -> u64 {
    let ms: u64 = gaps.iter().filter(|gap| **gap <= 10_000).sum();
    let (hours, rest) = (ms / 3_600_000, ms % 3_600_000);
    let part = u64::try_from(u128::from(rate.base_units) * u128::from(rest) / 3_600_000).unwrap();
    (hours * rate.base_units + part).min(deposit)
}

fn settle(seed: u64) -> &'static str {
    let chance = &mut Chance::new(seed);
    let mut job = Job::open(chance);
    let before = job.balance.total().unwrap().0;
    let now = UnixTime(START.seconds());
    let mut attempt = 1;
    loop {
        let epoch = Epoch(attempt);
        job.escrow = job.escrow.assign(&job.config, SETTLE_KEY, (NODE, epoch), now).unwrap();
        let (run, meter) = job.run(chance, now);
        match verdict(run.reason, run.started, attempt < DEFAULT_ATTEMPTS) {
            Verdict::Retry => attempt += 1,
            Verdict::Refund(_) => {
                let after = job.escrow.refund(&job.balance, SETTLE_KEY).unwrap();
                assert_eq!((after.free.0, after.locked.0), (before, 0), "seed {seed}: a refund is whole");
                return "refunded";
            }
            Verdict::Settle => {
                let metered = charge(job.rate, meter.unwrap().counted);
                let charged = metered.min(job.escrow.deposit);
                let expected = expected_charge(job.rate, &run.gaps, job.escrow.deposit.0);
                assert_eq!(charged.0, expected, "seed {seed}: the meter and the words of the design");
                let books = (&job.config, &job.balance);
                let settled = job.escrow.settle(books, SETTLE_KEY, &Charge { charged, epoch }, now).unwrap();
                let (node, platform) = (settled.split.node.0, settled.split.platform.0);
                assert_eq!(node, u64::try_from(u128::from(expected) * 9 / 10).unwrap(), "seed {seed}");
                assert_eq!(node + platform, expected, "seed {seed}: the chain moves what the meter shows");
                let after = settled.balance;
                assert_eq!(
                    (after.free.0 + expected, after.locked.0),
                    (before, 0),
                    "seed {seed}: nothing is lost"
                );
                return if run.reason == Reason::Succeeded { "settled" } else { "settled in part" };
            }
        }
    }
}

#[test]
fn a_million_random_jobs_are_settled_to_the_unit() {
    let mut ends = std::collections::BTreeMap::new();
    for seed in 0..JOBS {
        *ends.entry(settle(seed)).or_insert(0_u64) += 1;
    }
    // every way to end is well represented, so that the assertions above were really made
    for end in ["settled", "settled in part", "refunded"] {
        assert!(ends[end] > JOBS / 20, "{ends:?}");
    }
}
