//! The feed against a chain that goes away for an hour, in time that only the tests move.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cyxwiz_escrow_interface::policy::Amount;
use cyxwiz_escrow_interface::{Address, Event};
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::BoxStream;
use solana_account::Account;
use solana_signature::Signature;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::source::{Notice, Source};
use super::{News, WAITING, WatchPolicy, feed};
use crate::error::{Fault, Why};
use crate::history::{Mention, Span};
use crate::send::Slot;

const BLOCK: Duration = Duration::from_millis(400);
/// One answer.
const ANSWER: Duration = Duration::from_millis(20);
/// As [`Rpc`](crate::Rpc) limits a call.
const CALL_LIMIT: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);
/// How far behind the node may be that answers reads.
const BEHIND: u64 = 20;

/// What an outage looks like from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    /// Every connection is refused, and those that were there end.
    Refused,
    /// Nothing answers, and nothing ends.
    Silent,
}

struct Happened {
    slot: Slot,
    signature: Signature,
    /// Nothing where the transaction failed.
    event: Option<Event>,
}

struct World {
    start: Instant,
    kind: Outage,
    outage: Range<Duration>,
    /// Nothing happens after that.
    end: Duration,
    slot: u64,
    chain: Vec<Happened>,
    places: HashMap<Signature, usize>,
    accounts: BTreeMap<Address, Vec<(Slot, Option<Account>)>>,
    lines: Vec<UnboundedSender<Notice>>,
    chance: u64,
}

impl World {
    /// A number below `most`.
    fn chance(&mut self, most: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % most
    }

    fn down(&self) -> bool {
        self.outage.contains(&self.start.elapsed())
    }

    fn outage(&self) -> (bool, Outage) {
        (self.down(), self.kind)
    }

    /// When nothing happens any more.
    fn quiet(&self) -> Instant {
        self.start + self.end
    }

    fn block(&mut self) {
        self.slot += 1;
        let mut notices = vec![Notice::Slot];
        for _ in 0..self.chance(3) {
            let notice = self.transaction();
            // those of one slot come in any order
            let at = usize::try_from(self.chance(2)).unwrap().min(notices.len());
            notices.insert(at, notice);
        }
        // an account is told once a slot, as it is after it
        let slot = Slot(self.slot);
        for (address, states) in &self.accounts {
            let last = states.last().filter(|(when, _)| *when == slot);
            notices.extend(last.map(|(_, account)| Notice::Account(*address, slot, account.clone())));
        }
        if self.down() {
            if self.kind == Outage::Refused {
                self.lines.clear();
            }
            return;
        }
        if self.start.elapsed() > self.outage.end && self.chance(500) == 0 {
            // it is no good connection afterwards either
            self.lines.clear();
        }
        for notice in notices {
            self.lines.retain(|line| line.unbounded_send(notice.clone()).is_ok());
        }
    }

    fn transaction(&mut self) -> Notice {
        let number = u64::try_from(self.chain.len()).unwrap();
        let mut bytes = [7; 64];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        let (slot, signature) = (Slot(self.slot), Signature::from(bytes));
        let event = (self.chance(10) > 0).then(|| Event::Deposited {
            owner: Address::default(),
            mint: Address::default(),
            amount: Amount(number),
        });
        if event.is_some() {
            let which = usize::try_from(self.chance(3)).unwrap();
            let open = self.chance(8) > 0;
            let account = open.then(|| Account { lamports: number + 1, ..Account::default() });
            self.accounts.values_mut().nth(which).unwrap().push((slot, account));
        }
        self.places.insert(signature, self.chain.len());
        self.chain.push(Happened { slot, signature, event });
        Notice::Events(slot, signature, event.into_iter().collect())
    }
}

#[derive(Clone)]
struct Sim(Arc<Mutex<World>>);

impl Sim {
    fn new(seed: u64, kind: Outage) -> Self {
        let addresses = [1, 2, 3].map(|byte| (Address::new_from_array([byte; 32]), Vec::new()));
        let mut world = World {
            start: Instant::now(),
            kind,
            outage: Duration::ZERO..Duration::ZERO,
            end: Duration::ZERO,
            slot: 1_000,
            chain: Vec::new(),
            places: HashMap::new(),
            accounts: addresses.into(),
            lines: Vec::new(),
            chance: (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        };
        let begin = Duration::from_millis(world.chance(120_000));
        world.outage = begin..begin + HOUR;
        // long enough to be live again while it goes on
        world.end = world.outage.end + Duration::from_secs(600);
        Self(Arc::new(Mutex::new(world)))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// Blocks, until nothing happens any more; empty ones from then on.
    async fn chain(self) {
        let (mut at, end) = (Instant::now(), self.world().quiet());
        loop {
            at += BLOCK;
            sleep_until(at).await;
            let mut world = self.world();
            if at < end {
                world.block();
            } else {
                world.slot += 1;
                world.lines.retain(|line| line.unbounded_send(Notice::Slot).is_ok());
            }
        }
    }

    /// One call, and as of which slot it is answered.
    async fn call(&self) -> Result<u64, Fault> {
        sleep(ANSWER).await;
        let (down, kind) = self.world().outage();
        if down {
            if kind == Outage::Silent {
                sleep(CALL_LIMIT).await;
                return Err(Fault::TimedOut);
            }
            return Err(Fault::Unreachable("refused".into()));
        }
        let mut world = self.world();
        if world.chance(500) == 0 {
            return Err(Fault::TimedOut);
        }
        Ok(world.slot - world.chance(BEHIND))
    }

    async fn reach(&self) -> Result<(), Fault> {
        let (down, kind) = self.world().outage();
        if down && kind == Outage::Silent {
            std::future::pending::<()>().await;
        }
        if down { Err(Fault::Unreachable("refused".into())) } else { Ok(()) }
    }
}

impl Source for Sim {
    type Line = ();

    async fn connect(&self, _: &WatchPolicy) -> Result<(), Fault> {
        self.reach().await
    }

    async fn notices<'a>(&self, (): &'a (), _: &WatchPolicy) -> Result<BoxStream<'a, Notice>, Fault> {
        self.reach().await?;
        let (sender, notices) = unbounded();
        self.world().lines.push(sender);
        Ok(notices.boxed())
    }

    async fn mentions(&self, _: &Address, span: Span) -> Result<Vec<Mention>, Fault> {
        let as_of = self.call().await?;
        let world = self.world();
        let place = |signature: Option<Signature>| signature.map(|signature| world.places[&signature]);
        let before = place(span.before).unwrap_or(world.chain.len());
        let until = place(span.until).map_or(0, |place| place + 1).min(before);
        let seen = world.chain[until..before].iter().rev().filter(|happened| happened.slot.0 <= as_of);
        let mention = |happened: &Happened| Mention {
            signature: happened.signature,
            slot: happened.slot,
            time: None,
            error: happened
                .event
                .is_none()
                .then_some(Why { error: solana_transaction_error::TransactionError::AccountNotFound }),
        };
        Ok(seen.take(span.limit).map(mention).collect())
    }

    async fn events(&self, _: &Address, signature: &Signature) -> Result<Option<Vec<Event>>, Fault> {
        let as_of = self.call().await?;
        let world = self.world();
        let happened = &world.chain[world.places[signature]];
        Ok((happened.slot.0 <= as_of).then(|| happened.event.iter().copied().collect()))
    }

    async fn accounts(&self, addresses: &[Address]) -> Result<(Slot, Vec<Option<Account>>), Fault> {
        let as_of = Slot(self.call().await?);
        let world = self.world();
        let state = |address| {
            let states = &world.accounts[address];
            states.iter().rfind(|(slot, _)| *slot <= as_of).and_then(|(_, account)| account.clone())
        };
        Ok((as_of, addresses.iter().map(state).collect()))
    }
}

/// What a consumer made of the news.
#[derive(Default)]
struct Heard {
    told: BTreeMap<u64, usize>,
    accounts: BTreeMap<Address, (Slot, Option<Account>)>,
    /// Transactions that were told by a whole feed.
    live: usize,
    whole: bool,
    in_outage: usize,
}

impl Heard {
    fn take(&mut self, news: News, in_outage: bool) {
        match news {
            News::Live => {
                assert!(!in_outage, "live without a chain");
                self.whole = true;
            }
            News::Cut => {
                self.whole = false;
                self.in_outage += usize::from(in_outage);
            }
            News::Skipped => panic!("nothing may be skipped"),
            News::Account { address, slot, account } => {
                let before = self.accounts.insert(address, (slot, account));
                assert!(before.is_none_or(|(before, _)| before <= slot), "an account went back");
            }
            News::Events { events, .. } => {
                let [Event::Deposited { amount, .. }] = events.as_slice() else { panic!("{events:?}") };
                *self.told.entry(amount.0).or_default() += 1;
                self.live += usize::from(self.whole);
            }
        }
    }
}

async fn an_hour_away(seed: u64, kind: Outage) {
    let sim = Sim::new(seed, kind);
    let mut policy = WatchPolicy::new("ws://sim", Address::default());
    policy.accounts = sim.world().accounts.keys().copied().collect();
    let (sender, mut news) = mpsc::channel(WAITING);
    let (chain, feed) =
        (tokio::spawn(sim.clone().chain()), tokio::spawn(feed::run(sim.clone(), policy, sender)));
    let mut heard = Heard::default();
    // until nothing was news for a while after the end, longer than any pause and the second look
    let quiet = sim.world().quiet();
    loop {
        match timeout(Duration::from_secs(120), news.recv()).await {
            Ok(Some(one)) => {
                let down = sim.world().down();
                heard.take(one, down);
            }
            Ok(None) => panic!("the feed ended"),
            Err(_) if Instant::now() > quiet => break,
            Err(_) => {}
        }
    }
    chain.abort();
    feed.abort();
    let world = sim.world();
    // it began to listen before the first transaction
    let happened = world.chain.iter().filter_map(|happened| match happened.event {
        Some(Event::Deposited { amount, .. }) => Some((amount.0, 1)),
        _ => None,
    });
    let wanted: BTreeMap<u64, usize> = happened.collect();
    assert!(wanted.len() > 7_000, "{}", wanted.len());
    let lost: Vec<&u64> = wanted.keys().filter(|number| !heard.told.contains_key(number)).collect();
    let doubled: Vec<&u64> = heard.told.iter().filter(|(_, times)| **times > 1).map(|(n, _)| n).collect();
    assert!(
        lost.is_empty() && doubled.is_empty(),
        "seed {seed}, {kind:?}: {lost:?} lost, {doubled:?} doubled"
    );
    assert_eq!(heard.told.len(), wanted.len());
    for (address, states) in &world.accounts {
        let (told, last) = (&heard.accounts[address].1, &states.last().unwrap().1);
        assert_eq!(told, last, "seed {seed}, {kind:?}");
    }
    assert!(heard.live > 100, "{}", heard.live);
    // it keeps trying, and not like mad: at most once in a longest pause, once those have grown
    assert!((100..300).contains(&heard.in_outage), "{} tries", heard.in_outage);
}

fn run(seeds: Range<u64>) {
    for seed in seeds {
        for kind in [Outage::Refused, Outage::Silent] {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_time().start_paused(true).build().unwrap();
            runtime.block_on(an_hour_away(seed, kind));
        }
    }
}

#[test]
fn an_outage_of_an_hour_loses_and_doubles_nothing() {
    run(0..2);
}

mod full {
    #[test]
    fn nor_do_fifty_of_them() {
        super::run(2..52);
    }
}
