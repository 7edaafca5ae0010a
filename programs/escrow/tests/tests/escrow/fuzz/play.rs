//! Does each on both sides, and compares.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use cyxwiz_escrow_interface::build::{Closed, Paid};
use cyxwiz_escrow_interface::policy::{
    Amount, Balance, BasisPoints, Charge, ConfigVersion, Epoch, JobId, Order, Stage, UnixTime,
};
use cyxwiz_escrow_interface::{Address, EscrowError};
use cyxwiz_escrow_tests::{Failure, Ledger, Money, START, World};
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};
use solana_instruction::Instruction;
use solana_signer::Signer;

use super::op::{By, Op, Setting, op};
use super::rules::Rules;

struct Both {
    world: World,
    money: Money,
    rules: Rules,
    /// What went through, and with which errors the rest was refused.
    seen: BTreeSet<String>,
}

impl Both {
    fn new(money: Money) -> Self {
        let world = World::new();
        let config = world.config().config;
        let rules = Rules { now: UnixTime(START), config, balance: None, escrows: BTreeMap::new() };
        let mut both = Self { world, money, rules, seen: BTreeSet::new() };
        both.step(&Op::Deposit(2_000_000));
        both
    }

    /// Does it on both sides and compares.
    fn step(&mut self, op: &Op) {
        let Some((instruction, expected)) = self.expect(op) else { return };
        let before = Ledger::of(&self.world);
        let signer = instruction.accounts[0].pubkey;
        let sent = self.world.send(&[instruction]).map(|_| ());
        assert_eq!(sent, expected.map_err(Failure::Refused), "{op:?}");
        self.note(op, &sent, signer);
        let after = Ledger::of(&self.world);
        if sent.is_err() {
            assert!(before == after, "{op:?} was refused and changed something");
        }
        assert_eq!((before.lamports(), before.tokens()), (after.lamports(), after.tokens()), "{op:?}");
        self.compare();
    }

    fn note(&mut self, op: &Op, sent: &Result<(), Failure>, signer: Address) {
        let by = match [By::NextSettler, By::Heir].map(|by| self.address(by, signer) == signer) {
            [true, _] => " by the next settle key",
            [_, true] => " by the heir",
            _ => "",
        };
        self.seen.insert(match sent {
            Ok(()) => format!("{}{by}", op.name()),
            Err(Failure::Refused(error)) => error.name().to_owned(),
            Err(Failure::Else(why)) => why.clone(),
        });
    }

    fn compare(&self) {
        let (world, buyer) = (&self.world, self.world.cast.buyer.pubkey());
        let mint = world.mint_of(self.money);
        assert_eq!(world.config().config, self.rules.config);
        let there = world.balance(&buyer, &mint).map(|account| account.balance);
        assert_eq!(there, self.rules.balance);
        for job in 1..4 {
            let there = world.escrow(&buyer, JobId([job; 16])).map(|account| account.escrow);
            assert_eq!(there.as_ref(), self.rules.escrows.get(&job));
        }
        let purse = world.program.purse(&buyer, &mint);
        let Some(balance) = self.rules.balance else {
            assert_eq!(world.svm.get_balance(&purse).unwrap_or(0), 0, "something stayed");
            return;
        };
        let held = match self.money {
            Money::Sol => {
                world.svm.get_balance(&purse).unwrap() - world.svm.minimum_balance_for_rent_exemption(88)
            }
            Money::Usdc => {
                let data = world.data(&purse).expect("a vault");
                u64::from_le_bytes(data[64..72].try_into().unwrap())
            }
        };
        assert_eq!(held, balance.total().unwrap().0, "the money is not where the books say");
    }

    /// Who that is; `right` where it is whoever may.
    fn address(&self, by: By, right: Address) -> Address {
        let cast = &self.world.cast;
        match by {
            By::Right => right,
            By::Admin => cast.admin.pubkey(),
            By::Heir => cast.other_node.pubkey(),
            By::Settler => cast.settler.pubkey(),
            By::NextSettler => cast.deployer.pubkey(),
            By::Buyer => cast.buyer.pubkey(),
            By::Thief => cast.stranger.pubkey(),
        }
    }

    /// The request, and what the rules say to it; the rules' world is after it already.
    fn expect(&mut self, op: &Op) -> Option<(Instruction, Result<(), EscrowError>)> {
        Some(match *op {
            Op::Wait(seconds) => {
                self.rules.now = self.rules.now.plus(seconds);
                self.world.at(self.rules.now.0);
                return None;
            }
            Op::Set { what, by } => self.set(what, by),
            Op::Deposit(_) | Op::Withdraw(_) | Op::CloseBalance => self.move_money(op),
            _ => self.job(op),
        })
    }

    fn set(&mut self, what: Setting, by: By) -> (Instruction, Result<(), EscrowError>) {
        let config = self.rules.config;
        let right = if matches!(what, Setting::Accept) { config.pending_admin } else { config.admin };
        // Nobody's key is nobody's: then the heir tries.
        let right = if right == Address::default() { self.address(By::Heir, right) } else { right };
        let (program, by) = (self.world.program, self.address(by, right));
        let mint = self.world.mint_of(self.money);
        let other = |other: bool, keys: [By; 2]| self.address(keys[usize::from(other)], right);
        let (fee, key) = match what {
            Setting::Fee(fee) => (BasisPoints(fee), by),
            Setting::SettleKey { next, .. } => (BasisPoints(0), other(next, [By::Settler, By::NextSettler])),
            Setting::Treasury { other: true } => (BasisPoints(0), self.world.cast.sponsor.pubkey()),
            Setting::Treasury { other: false } => (BasisPoints(0), self.world.cast.treasury.pubkey()),
            Setting::Propose { heir } => (BasisPoints(0), other(heir, [By::Admin, By::Heir])),
            Setting::Listed(_) | Setting::Paused(_) | Setting::Accept => (BasisPoints(0), by),
        };
        let (instruction, changed) = match what {
            Setting::Fee(_) => (program.set_fee(by, fee), config.set_fee(by, fee)),
            Setting::SettleKey { revoke, .. } => {
                (program.set_settle_key(by, key, revoke), config.set_settle_key(by, key, revoke))
            }
            Setting::Treasury { .. } => (program.set_treasury(by, key), config.set_treasury(by, key)),
            Setting::Listed(yes) => (program.set_mint(by, mint, yes), config.set_mint(by, mint, yes)),
            Setting::Paused(yes) => (program.set_paused(by, yes), config.set_paused(by, yes)),
            Setting::Propose { .. } => (program.propose_admin(by, key), config.propose_admin(by, key)),
            Setting::Accept => (program.accept_admin(by), config.accept_admin(by)),
        };
        let set = changed.map(|config| self.rules.config = config);
        (instruction, set.map_err(EscrowError::from))
    }

    fn move_money(&mut self, op: &Op) -> (Instruction, Result<(), EscrowError>) {
        let (world, money, buyer) = (&self.world, self.money, self.world.cast.buyer.pubkey());
        let (mint, rules) = (world.mint_of(money), &mut self.rules);
        let there = rules.balance.ok_or(EscrowError::NotBalance);
        let (instruction, after) = match *op {
            Op::Deposit(amount) => {
                let balance = rules.balance.unwrap_or_else(|| Balance::new(buyer, mint));
                let after = rules.config.admits(mint).and_then(|()| balance.deposit(Amount(amount)));
                (world.deposit(money, amount), after.map(Some).map_err(EscrowError::from))
            }
            Op::Withdraw(amount) => {
                let after = there.and_then(|balance| Ok(balance.withdraw(buyer, Amount(amount))?));
                (world.withdraw(money, amount), after.map(Some))
            }
            _ => {
                let after = there.and_then(|balance| Ok(balance.close(buyer)?));
                (world.close_balance(money), after.map(|_| None))
            }
        };
        (instruction, after.map(|balance| rules.balance = balance))
    }

    fn job(&mut self, op: &Op) -> (Instruction, Result<(), EscrowError>) {
        let who = |by, job: u8| {
            let escrow = self.rules.escrows.get(&job);
            self.address(by, escrow.map_or(self.rules.config.settle_key, |escrow| escrow.settle_key))
        };
        let (world, cast, money) = (&self.world, &self.world.cast, self.money);
        let (program, buyer) = (world.program, cast.buyer.pubkey());
        let (config, now) = (self.rules.config, self.rules.now);
        match *op {
            Op::Open { job, deposit, more, life, stale } => {
                let order = Order {
                    job: JobId([job; 16]),
                    deposit: Amount(deposit),
                    limit: Amount(deposit + more),
                    expire_at: now.plus(life),
                    config_version: ConfigVersion(config.version.0 - u32::from(stale)),
                };
                let open = program.open(buyer, cast.sponsor.pubkey(), world.mint_of(money), order);
                (open, self.rules.open(buyer, &order, job))
            }
            Op::Assign { job, other, more, by } => {
                let by = who(by, job);
                let payee = if other { cast.other_node.pubkey() } else { cast.node.pubkey() };
                let epoch = Epoch(self.rules.epoch(job).0 + more);
                let assign = program.assign(by, world.escrow_address(job), payee, epoch);
                (assign, self.rules.assign(job, |escrow| escrow.assign(&config, by, (payee, epoch), now)))
            }
            Op::TopUp { job, amount, by } => {
                let (by, closed) = (who(by, job), world.closed(money, job));
                let top_up = program.top_up(by, closed.balance, closed.escrow, Amount(amount));
                (top_up, self.rules.top_up(job, by, Amount(amount)))
            }
            Op::Settle { job, thousandths, late, by } => {
                let by = who(by, job);
                let deposit = self.rules.escrows.get(&job).map_or(0, |escrow| escrow.deposit.0);
                let epoch = Epoch(self.rules.epoch(job).0.saturating_sub(u32::from(late)));
                self.settle(job, by, Charge { charged: Amount(deposit * thousandths / 1_000), epoch })
            }
            Op::Refund { job, by } => {
                let by = who(by, job);
                let refund = program.refund(by, world.closed(money, job));
                (refund, self.rules.end(job, |escrow, balance| escrow.refund(balance, by)))
            }
            Op::Cancel { job, by } => {
                let by = who(by, job);
                let cancel = program.cancel(by, world.closed(money, job));
                (cancel, self.rules.end(job, |escrow, balance| escrow.cancel(&config, balance, by)))
            }
            Op::Expire { job } => {
                let expire = world.expire(money, job);
                (expire, self.rules.end(job, |escrow, balance| escrow.expire(balance, now)))
            }
            _ => panic!("{op:?} is about no job"),
        }
    }

    fn settle(&mut self, job: u8, by: Address, charge: Charge) -> (Instruction, Result<(), EscrowError>) {
        let (world, rules) = (&self.world, &mut self.rules);
        let escrow = rules.escrows.get(&job);
        let payee = match escrow.map(|escrow| escrow.stage) {
            Some(Stage::Assigned { payee, .. }) => payee,
            _ => world.cast.node.pubkey(),
        };
        // As it was when the job was opened, whoever it is now.
        let treasury = escrow.map_or(rules.config.treasury, |escrow| escrow.treasury);
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

/// What must have happened at least once, or the sequences are too tame to show anything.
const SEEN: &str = "Deposit Withdraw CloseBalance Open Assign TopUp Settle Refund Cancel Expire Fee SettleKey Treasury \
    Listed Paused Propose NotBalance BalanceInUse InsufficientFree NotSettleKey SettleKeyRevoked NotAdmin \
    NotPendingAdmin MintNotAllowed ConfigChanged EpochNotHigher StaleEpoch Expired NotExpired AlreadyExists \
    AlreadyAssigned NotAssigned NotBuyer ChargeAboveDeposit TopUpAboveLimit";

/// The same by somebody whom the configuration named later.
const SEEN_LATER: [&str; 4] = [
    "Assign by the next settle key",
    "Settle by the next settle key",
    "Accept by the heir",
    "Fee by the heir",
];

fn play(mut runner: TestRunner) {
    let sequences = (any::<bool>(), prop::collection::vec(op(), 1..120));
    let seen = RefCell::new(BTreeSet::new());
    let played = runner.run(&sequences, |(sol, ops)| {
        let mut both = Both::new(if sol { Money::Sol } else { Money::Usdc });
        ops.iter().for_each(|op| both.step(op));
        seen.borrow_mut().append(&mut both.seen);
        Ok(())
    });
    if let Err(failed) = played {
        panic!("{failed}");
    }
    let seen = seen.into_inner();
    let missed: Vec<_> =
        SEEN.split_whitespace().chain(SEEN_LATER).filter(|name| !seen.contains(*name)).collect();
    assert!(missed.is_empty(), "never happened: {missed:?}; happened: {seen:?}");
}

fn runs(cases: u32) -> Runs {
    Runs { cases, failure_persistence: None, ..Runs::default() }
}

/// The same ones each time.
#[test]
fn random_sequences_follow_the_rules() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    play(TestRunner::new_with_rng(runs(60), rng));
}

mod full {
    use super::{TestRunner, play, runs};

    #[test]
    fn many_random_sequences_follow_the_rules() {
        play(TestRunner::new(runs(500)));
    }
}
