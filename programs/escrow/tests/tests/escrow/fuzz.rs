//! Random sequences of requests: the program on the chain does what the rules say, refuses with the rule's own
//! error, and the money is where the books say. Failing sequences are made short by proptest.

use std::collections::BTreeMap;

use cyxwiz_escrow_interface::build::{Closed, Paid};
use cyxwiz_escrow_interface::policy::{
    Amount, Balance, BasisPoints, Charge, Config, ConfigVersion, Epoch, Escrow, JobId, Order, Stage, UnixTime,
};
use cyxwiz_escrow_interface::{Address, EscrowError};
use cyxwiz_escrow_tests::{Failure, Ledger, Money, START, World};
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use solana_instruction::Instruction;
use solana_signer::Signer;

/// What can be done; numbers are cut to size when it is done.
#[derive(Clone, Debug)]
enum Op {
    Deposit(u64),
    Withdraw(u64),
    Open { job: u8, deposit: u64, more: u64, life: i64, stale: bool },
    Assign { job: u8, other: bool, epoch: u32, thief: bool },
    TopUp { job: u8, amount: u64, by_buyer: bool },
    Settle { job: u8, charged: u64, epoch: u32, thief: bool },
    Refund { job: u8, thief: bool },
    Cancel { job: u8, thief: bool },
    Expire { job: u8 },
    Wait(i64),
    Fee(u16),
    Rotate(bool),
    Pause(bool),
}

fn op() -> impl Strategy<Value = Op> {
    let (job, amount, epoch) = (1..4u8, 0..1_500_000u64, 0..4u32);
    let rare = prop::bool::weighted(0.1);
    prop_oneof![
        3 => amount.clone().prop_map(Op::Deposit),
        2 => amount.clone().prop_map(Op::Withdraw),
        4 => (job.clone(), amount.clone(), amount.clone(), 500..5_000i64, rare)
            .prop_map(|(job, deposit, more, life, stale)| Op::Open { job, deposit, more, life, stale }),
        4 => (job.clone(), any::<bool>(), epoch.clone(), rare)
            .prop_map(|(job, other, epoch, thief)| Op::Assign { job, other, epoch, thief }),
        2 => (job.clone(), amount.clone(), any::<bool>())
            .prop_map(|(job, amount, by_buyer)| Op::TopUp { job, amount, by_buyer }),
        4 => (job.clone(), amount, epoch, rare)
            .prop_map(|(job, charged, epoch, thief)| Op::Settle { job, charged, epoch, thief }),
        1 => (job.clone(), rare).prop_map(|(job, thief)| Op::Refund { job, thief }),
        1 => (job.clone(), rare).prop_map(|(job, thief)| Op::Cancel { job, thief }),
        1 => job.prop_map(|job| Op::Expire { job }),
        2 => (0..1_000i64).prop_map(Op::Wait),
        1 => (0..3_100u16).prop_map(Op::Fee),
        1 => any::<bool>().prop_map(Op::Rotate),
        1 => any::<bool>().prop_map(Op::Pause),
    ]
}

/// The rules' own idea of the world.
struct Rules {
    now: UnixTime,
    config: Config<Address>,
    balance: Balance<Address>,
    escrows: BTreeMap<u8, Escrow<Address>>,
}

struct Both {
    world: World,
    money: Money,
    rules: Rules,
}

impl Both {
    fn new(money: Money) -> Self {
        let mut world = World::new();
        world.send(&[world.deposit(money, 2_000_000)]).expect("a deposit");
        let (buyer, mint) = (world.cast.buyer.pubkey(), world.mint_of(money));
        let balance = world.balance(&buyer, &mint).expect("a balance").balance;
        let config = world.config().config;
        let rules = Rules { now: UnixTime(START), config, balance, escrows: BTreeMap::new() };
        Self { world, money, rules }
    }

    /// Does it on both sides and compares.
    fn step(&mut self, op: &Op) {
        let Some((instruction, expected)) = self.expect(op) else { return };
        let before = Ledger::of(&self.world);
        let sent = self.world.send(&[instruction]).map(|_| ());
        assert_eq!(sent, expected.map_err(Failure::Refused), "{op:?}");
        let after = Ledger::of(&self.world);
        if sent.is_err() {
            assert!(before == after, "{op:?} was refused and changed something");
        }
        assert_eq!((before.lamports(), before.tokens()), (after.lamports(), after.tokens()), "{op:?}");
        self.compare();
    }

    fn compare(&self) {
        let (world, buyer) = (&self.world, self.world.cast.buyer.pubkey());
        let mint = world.mint_of(self.money);
        assert_eq!(world.config().config, self.rules.config);
        assert_eq!(world.balance(&buyer, &mint).expect("a balance").balance, self.rules.balance);
        for job in 1..4 {
            let there = world.escrow(&buyer, JobId([job; 16])).map(|account| account.escrow);
            assert_eq!(there.as_ref(), self.rules.escrows.get(&job));
        }
        let purse = world.program.purse(&buyer, &mint);
        let held = match self.money {
            Money::Sol => {
                world.svm.get_balance(&purse).unwrap() - world.svm.minimum_balance_for_rent_exemption(88)
            }
            Money::Usdc => {
                let data = world.data(&purse).expect("a vault");
                u64::from_le_bytes(data[64..72].try_into().unwrap())
            }
        };
        assert_eq!(held, self.rules.balance.total().unwrap().0, "the money is not where the books say");
    }

    /// The request, and what the rules say to it; the rules' world is after it already.
    fn expect(&mut self, op: &Op) -> Option<(Instruction, Result<(), EscrowError>)> {
        let (world, cast, money) = (self.world.clone(), self.world.cast.clone(), self.money);
        let (buyer, admin, thief) = (cast.buyer.pubkey(), cast.admin.pubkey(), cast.stranger.pubkey());
        let (program, rules) = (world.program, &mut self.rules);
        Some(match op {
            Op::Wait(seconds) => {
                rules.now = rules.now.plus(*seconds);
                self.world.at(rules.now.0);
                return None;
            }
            Op::Fee(fee) => (
                program.set_fee(admin, BasisPoints(*fee)),
                rules.set(|c| c.set_fee(admin, BasisPoints(*fee))),
            ),
            Op::Rotate(revoke) => {
                // The same key again: what changes is from which version on it counts.
                let key = cast.settler.pubkey();
                let set = rules.set(|config| config.set_settle_key(admin, key, *revoke));
                (program.set_settle_key(admin, key, *revoke), set)
            }
            Op::Pause(paused) => {
                (program.set_paused(admin, *paused), rules.set(|config| config.set_paused(admin, *paused)))
            }
            Op::Deposit(amount) => {
                let amount = Amount(*amount);
                let after =
                    rules.config.admits(rules.balance.mint).and_then(|()| rules.balance.deposit(amount));
                (world.deposit(money, amount.0), rules.balance_is(after))
            }
            Op::Withdraw(amount) => {
                let after = rules.balance.withdraw(buyer, Amount(*amount));
                (world.withdraw(money, *amount), rules.balance_is(after))
            }
            Op::Open { job, deposit, more, life, stale } => {
                let version = rules.config.version.0 - u32::from(*stale);
                let order = Order {
                    job: JobId([*job; 16]),
                    deposit: Amount(*deposit),
                    limit: Amount(deposit + more),
                    expire_at: rules.now.plus(*life),
                    config_version: ConfigVersion(version),
                };
                let open = program.open(buyer, cast.sponsor.pubkey(), rules.balance.mint, order);
                (open, rules.open(buyer, &order, *job))
            }
            Op::Assign { job, other, epoch, thief: by_thief } => {
                let by = if *by_thief { thief } else { cast.settler.pubkey() };
                let payee = if *other { cast.other_node.pubkey() } else { cast.node.pubkey() };
                let assign = program.assign(by, world.escrow_address(*job), payee, Epoch(*epoch));
                let (config, now) = (rules.config, rules.now);
                (
                    assign,
                    rules.escrow(*job, |escrow, _| escrow.assign(&config, by, (payee, Epoch(*epoch)), now)),
                )
            }
            Op::TopUp { job, amount, by_buyer } => {
                let by = if *by_buyer { buyer } else { cast.settler.pubkey() };
                let closed = world.closed(money, *job);
                let top_up = program.top_up(by, closed.balance, closed.escrow, Amount(*amount));
                let (config, now) = (rules.config, rules.now);
                let topped = rules.escrow(*job, |escrow, balance| {
                    let (after, escrow) = escrow.top_up((&config, balance), by, Amount(*amount), now)?;
                    *balance = after;
                    Ok(escrow)
                });
                (top_up, topped)
            }
            Op::Settle { job, charged, epoch, thief: by_thief } => {
                let by = if *by_thief { thief } else { cast.settler.pubkey() };
                self.settle(*job, by, Charge { charged: Amount(*charged), epoch: Epoch(*epoch) })
            }
            Op::Refund { job, thief: by_thief } => {
                let by = if *by_thief { thief } else { cast.settler.pubkey() };
                let refund = program.refund(by, world.closed(money, *job));
                (refund, rules.end(*job, |escrow, balance| escrow.refund(balance, by)))
            }
            Op::Cancel { job, thief: by_thief } => {
                let by = if *by_thief { thief } else { buyer };
                let (cancel, config) = (program.cancel(by, world.closed(money, *job)), rules.config);
                (cancel, rules.end(*job, |escrow, balance| escrow.cancel(&config, balance, by)))
            }
            Op::Expire { job } => {
                let now = rules.now;
                (world.expire(money, *job), rules.end(*job, |escrow, balance| escrow.expire(balance, now)))
            }
        })
    }

    fn settle(&mut self, job: u8, by: Address, charge: Charge) -> (Instruction, Result<(), EscrowError>) {
        let (world, rules) = (&self.world, &mut self.rules);
        let payee = match rules.escrows.get(&job).map(|escrow| escrow.stage) {
            Some(Stage::Assigned { payee, .. }) => payee,
            _ => world.cast.node.pubkey(),
        };
        let treasury = world.cast.treasury.pubkey();
        let paid = match self.money {
            Money::Sol => Paid::Sol { payee, treasury },
            Money::Usdc => Paid::Tokens { payee: world.wallet(&payee), treasury: world.wallet(&treasury) },
        };
        let closed: Closed = world.closed(self.money, job);
        let settle = world.program.settle(by, closed, paid, charge);
        let (config, now) = (rules.config, rules.now);
        let settled = rules.end(job, |escrow, balance| {
            escrow.settle((&config, balance), by, &charge, now).map(|settlement| settlement.balance)
        });
        (settle, settled)
    }
}

type Ruled<T> = Result<T, cyxwiz_escrow_interface::policy::Refusal>;

impl Rules {
    fn set(
        &mut self,
        change: impl FnOnce(&Config<Address>) -> Ruled<Config<Address>>,
    ) -> Result<(), EscrowError> {
        self.config = change(&self.config)?;
        Ok(())
    }

    fn balance_is(&mut self, after: Ruled<Balance<Address>>) -> Result<(), EscrowError> {
        self.balance = after?;
        Ok(())
    }

    fn open(&mut self, buyer: Address, order: &Order, job: u8) -> Result<(), EscrowError> {
        let (balance, escrow) = Escrow::open(&self.config, &self.balance, buyer, order, self.now)?;
        if self.escrows.contains_key(&job) {
            return Err(EscrowError::AlreadyExists);
        }
        self.balance = balance;
        self.escrows.insert(job, escrow);
        Ok(())
    }

    fn escrow(
        &mut self,
        job: u8,
        change: impl FnOnce(&Escrow<Address>, &mut Balance<Address>) -> Ruled<Escrow<Address>>,
    ) -> Result<(), EscrowError> {
        let escrow = self.escrows.get(&job).copied().ok_or(EscrowError::NotEscrow)?;
        let after = change(&escrow, &mut self.balance)?;
        self.escrows.insert(job, after);
        Ok(())
    }

    fn end(
        &mut self,
        job: u8,
        change: impl FnOnce(&Escrow<Address>, &Balance<Address>) -> Ruled<Balance<Address>>,
    ) -> Result<(), EscrowError> {
        let escrow = self.escrows.get(&job).copied().ok_or(EscrowError::NotEscrow)?;
        self.balance = change(&escrow, &self.balance)?;
        self.escrows.remove(&job);
        Ok(())
    }
}

fn play(cases: u32) {
    let runs = Runs { cases, failure_persistence: None, ..Runs::default() };
    let sequences = (any::<bool>(), prop::collection::vec(op(), 1..60));
    let played = TestRunner::new(runs).run(&sequences, |(sol, ops)| {
        let mut both = Both::new(if sol { Money::Sol } else { Money::Usdc });
        ops.iter().for_each(|op| both.step(op));
        Ok(())
    });
    if let Err(failed) = played {
        panic!("{failed}");
    }
}

#[test]
fn random_sequences_follow_the_rules() {
    play(48);
}

mod full {
    #[test]
    fn many_random_sequences_follow_the_rules() {
        super::play(500);
    }
}
