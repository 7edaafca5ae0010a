//! The courier against a chain that loses, delays and repeats, in time that only the tests move.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cyxwiz_escrow_interface::Address;
use cyxwiz_escrow_interface::build::{Program, Purse};
use cyxwiz_escrow_interface::policy::Amount;
use proptest::prelude::*;
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer as _;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::draft::Draft;
use crate::error::ChainError;

/// A block every 400 ms; final 32 blocks later; a blockhash lives 150 blocks.
const BLOCK: Duration = Duration::from_millis(400);
const FINAL: u64 = 32;
const LIFE: u64 = 150;

/// Calls before all is well: enough for a signature to run out of time in the midst of it.
const TROUBLED: usize = 400;

/// What happens to one call.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Good,
    /// The call never arrives.
    LostBefore,
    /// It arrives, the answer does not.
    LostAfter,
    /// The node takes it, and forgets it.
    Forgotten,
    /// It lands so many blocks later.
    Late(u64),
    /// The node that answers is so many blocks behind.
    Behind(u64),
}

#[derive(Debug)]
struct World {
    start: Instant,
    fates: Vec<Fate>,
    calls: usize,
    /// No call gets through in this span of time.
    outage: std::ops::Range<Duration>,
    landed: HashMap<Signature, BlockHeight>,
}

#[derive(Clone, Debug)]
struct Sim(Arc<Mutex<World>>);

impl Sim {
    fn new(fates: Vec<Fate>, outage: std::ops::Range<Duration>) -> Self {
        let (start, landed) = (Instant::now(), HashMap::new());
        Self(Arc::new(Mutex::new(World { start, fates, calls: 0, outage, landed })))
    }

    /// Payments that the chain holds, or will: those on their way land by themselves.
    fn payments(&self) -> usize {
        self.0.lock().unwrap().landed.len()
    }
}

impl World {
    fn height(&self) -> u64 {
        1_000 + u64::try_from(self.start.elapsed().as_millis() / BLOCK.as_millis()).unwrap()
    }

    fn fate(&mut self) -> Fate {
        // again and again, past the time of what was signed first; then all is well, so that every run ends
        let turn = self.calls.checked_rem(self.fates.len()).filter(|_| self.calls < TROUBLED);
        let fate = turn.and_then(|turn| self.fates.get(turn)).copied().unwrap_or(Fate::Good);
        self.calls += 1;
        if self.outage.contains(&self.start.elapsed()) { Fate::LostBefore } else { fate }
    }
}

impl Ledger for Sim {
    async fn lifetime(&self) -> Result<Lifetime, Fault> {
        let mut world = self.0.lock().unwrap();
        match world.fate() {
            Fate::LostBefore | Fate::LostAfter => Err(Fault::TimedOut),
            fate => {
                let behind = if let Fate::Behind(by) = fate { by } else { 0 };
                let height = world.height() - behind;
                let mut hash = [0; 32];
                hash[..8].copy_from_slice(&height.to_le_bytes());
                Ok(Lifetime { blockhash: Hash::new_from_array(hash), last_valid: BlockHeight(height + LIFE) })
            }
        }
    }

    async fn send(&self, signed: &Signed) -> Reply {
        let mut world = self.0.lock().unwrap();
        let (fate, height) = (world.fate(), world.height());
        let late = match fate {
            Fate::LostBefore => return Reply::Lost(Fault::TimedOut),
            Fate::Forgotten => return Reply::Accepted,
            Fate::Late(by) => by,
            Fate::Good | Fate::LostAfter | Fate::Behind(_) => 1,
        };
        // the same bytes land once, and never past their time
        if height + late <= signed.last_valid().0 {
            let lands = BlockHeight(height + late);
            let entry = world.landed.entry(signed.signature()).or_insert(lands);
            *entry = (*entry).min(lands);
        }
        if matches!(fate, Fate::LostAfter) { Reply::Lost(Fault::TimedOut) } else { Reply::Accepted }
    }

    async fn sight(&self, signature: &Signature) -> Result<Sight, Fault> {
        let mut world = self.0.lock().unwrap();
        let behind = match world.fate() {
            Fate::LostBefore | Fate::LostAfter => return Err(Fault::TimedOut),
            Fate::Behind(by) => by,
            _ => 0,
        };
        let as_of = world.height() - behind;
        let seen = world.landed.get(signature).filter(|height| height.0 <= as_of).map(|height| {
            let level = if height.0 + FINAL <= as_of { Level::Finalized } else { Level::Confirmed };
            Seen { slot: Slot(height.0), level, error: None }
        });
        Ok(Sight { as_of: Slot(as_of), seen })
    }

    async fn tip(&self) -> Result<Tip, Fault> {
        let mut world = self.0.lock().unwrap();
        let behind = match world.fate() {
            Fate::LostBefore | Fate::LostAfter => return Err(Fault::TimedOut),
            Fate::Behind(by) => by,
            _ => 0,
        };
        let height = world.height() - FINAL - behind;
        Ok(Tip { slot: Slot(height), height: BlockHeight(height) })
    }
}

/// An outbox's row: what was signed last.
#[derive(Clone, Debug, Default)]
struct Row(Arc<Mutex<Option<Signed>>>);

impl Journal for Row {
    type Error = Infallible;

    async fn signed(&mut self, signed: &Signed) -> Result<(), Infallible> {
        *self.0.lock().unwrap() = Some(signed.clone());
        Ok(())
    }
}

fn pay(owner: Address) -> Draft {
    let program = Program { id: Address::new_from_array([1; 32]) };
    Draft::of(owner, program.deposit(owner, Purse::Sol, Amount(1)))
}

/// What an outbox does from its row, also after a crash.
async fn work(sim: &Sim, key: &Keypair, row: &Row, policy: Policy) -> Result<Slot, ChainError> {
    let courier = Courier::new(sim.clone(), policy);
    let last = row.0.lock().unwrap().clone();
    if let Some(signed) = last {
        match courier.resume(&signed).await {
            Outcome::Landed { slot, .. } => return Ok(slot),
            Outcome::Expired => {}
            _ => return Err(ChainError::Undecided(signed.signature())),
        }
    }
    let delivered = courier.deliver(&pay(key.pubkey()), &[key], &mut row.clone()).await?;
    Ok(delivered.slot)
}

fn paused<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Good),
        3 => Just(Fate::LostBefore),
        3 => Just(Fate::LostAfter),
        2 => Just(Fate::Forgotten),
        2 => (1_u64..200).prop_map(Fate::Late),
        2 => (1_u64..200).prop_map(Fate::Behind),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Whatever is lost, late, forgotten or behind, and whenever the sender dies: one payment, exactly.
    #[test]
    fn pays_once(
        fates in prop::collection::vec(fate(), 0..80),
        finalized: bool,
        crashes in prop::collection::vec(0_u64..200_000, 0..4),
    ) {
        paused(async {
            let sim = Sim::new(fates, Duration::ZERO..Duration::ZERO);
            let (key, row) = (Keypair::new_from_array([5; 32]), Row::default());
            let policy = Policy { finalized, ..Policy::outbox() };
            for after in crashes {
                // dropped in the middle of whatever it does
                let crashed = timeout(Duration::from_millis(after), work(&sim, &key, &row, policy)).await;
                if crashed.is_ok() {
                    break;
                }
            }
            let done = work(&sim, &key, &row, policy).await;
            sleep(Duration::from_secs(600)).await;
            prop_assert!(done.is_ok(), "{done:?}");
            prop_assert_eq!(sim.payments(), 1);
            Ok(())
        })?;
    }

    /// No patience: it may not know, but it never pays twice, and the row holds what to go on with.
    #[test]
    fn gives_up_without_a_guess(fates in prop::collection::vec(fate(), 0..80), patience in 0_u64..120) {
        paused(async {
            let sim = Sim::new(fates, Duration::ZERO..Duration::ZERO);
            let (key, row) = (Keypair::new_from_array([6; 32]), Row::default());
            let short = Policy { patience: Duration::from_secs(patience), ..Policy::outbox() };
            let first = work(&sim, &key, &row, short).await;
            prop_assert!(sim.payments() <= 1);
            if first.is_err() {
                let second = work(&sim, &key, &row, Policy::outbox()).await;
                prop_assert!(second.is_ok(), "{second:?}");
            }
            sleep(Duration::from_secs(600)).await;
            prop_assert_eq!(sim.payments(), 1);
            Ok(())
        })?;
    }
}

#[test]
fn an_outage_of_an_hour_is_outlived() {
    // it begins at every moment of a send: before the first call, between any two, after the last
    for begin in 0..60 {
        paused(async {
            let begin = Duration::from_millis(begin * 50);
            let sim = Sim::new(vec![Fate::Late(4)], begin..begin + Duration::from_secs(3600));
            let (key, row) = (Keypair::new_from_array([7; 32]), Row::default());
            let start = Instant::now();
            let done = work(&sim, &key, &row, Policy::outbox()).await;
            assert!(done.is_ok(), "{done:?}");
            assert_eq!(sim.payments(), 1);
            // found within one pause of its end, and the time that another signature takes to land
            assert!(start.elapsed() < Duration::from_secs(3600 + 15 + 120), "{:?}", start.elapsed());
        });
    }
}

#[test]
fn a_refusal_is_told_at_once_but_only_while_nobody_has_the_bytes() {
    use solana_transaction_error::TransactionError::{AccountNotFound, AlreadyProcessed};

    let policy = Policy::interactive();
    let mut attempt = Attempt::new(BlockHeight(9), policy);
    attempt.sent(Reply::Refused(AccountNotFound), Duration::ZERO);
    assert!(matches!(attempt.step(Duration::ZERO), Step::Done(Outcome::Refused(_))));

    let mut attempt = Attempt::new(BlockHeight(9), policy);
    attempt.sent(Reply::Lost(Fault::TimedOut), Duration::ZERO);
    attempt.waited(Duration::from_secs(9));
    attempt.sent(Reply::Refused(AccountNotFound), Duration::from_secs(9));
    assert_eq!(attempt.step(Duration::from_secs(9)), Step::AskStatus);

    let mut attempt = Attempt::new(BlockHeight(9), policy);
    attempt.sent(Reply::Refused(AlreadyProcessed), Duration::ZERO);
    assert_eq!(attempt.step(Duration::ZERO), Step::AskStatus);
}
