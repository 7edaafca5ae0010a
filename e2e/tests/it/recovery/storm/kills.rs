use std::{
    sync::{Arc, atomic::AtomicBool, atomic::Ordering::SeqCst},
    time::{Instant, SystemTime},
};

use super::{
    caller::Caller,
    compare,
    dice::Dice,
    moment::{Reached, kill_within_start},
    plan::{Load, Mix},
    told::Log,
};
use crate::support::Node;

/// Callers at once.
const CALLERS: u64 = 4;
/// Acknowledgements in one round, at most: some tasks are then running, some queued.
const ROUND: u64 = 24;
/// In so many rounds, some kill falls into whatever is to be hit.
const MANY: u64 = 200;

/// Kills a node `rounds` times under load, and some more times within its starts, and compares.
pub(in super::super) async fn storm(rounds: u64, mix: Mix) {
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    eprintln!("seed {seed}");
    let mut dice = Dice::of(seed);
    let mut node = Node::with(["--max-running", "4"]);
    let load = Arc::new(Load::put(&node, mix, seed).await);
    let log = Arc::new(Log::create(&node.dir().join("told")));
    let (mut usual, mut reached) = (None, Reached::default());
    for round in 0..rounds {
        // every other round leaves runners free, the others a queue
        let waits = mix == Mix::Ahead || round % 2 == 0;
        kill_under_load(&mut node, &mut dice, (&load, &log), (round, waits)).await;
        if let Some(usual) = usual.filter(|_| round % 4 == 3) {
            for _ in 0..=dice.next(2) {
                kill_within_start(&mut node, &mut dice, usual, &mut reached);
            }
        }
        let began = Instant::now();
        node.start_again();
        usual = Some(began.elapsed());
    }
    eprintln!("killed within a start: {reached:?}");
    assert!(rounds < MANY || reached.within > 0, "no kill fell into recovery");
    compare::all(&node, &log.read(), &load).await;
}

async fn kill_under_load(
    node: &mut Node,
    dice: &mut Dice,
    (load, log): (&Arc<Load>, &Arc<Log>),
    (round, waits): (u64, bool),
) {
    let stop = Arc::new(AtomicBool::new(false));
    let begin = log.count();
    let caller = |me| {
        let (load, log, stop) = (Arc::clone(load), Arc::clone(log), Arc::clone(&stop));
        Caller { client: node.client(), load, log, stop, name: format!("{round}-{me}"), waits }
    };
    let callers: Vec<_> = (0..CALLERS).map(|me| tokio::spawn(caller(me).run())).collect();
    let after = begin + dice.next(ROUND);
    while log.count() < after && !callers.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    // anywhere within a commit
    for _ in 0..dice.next(200) {
        tokio::task::yield_now().await;
    }
    stop.store(true, SeqCst);
    node.kill();
    for caller in callers {
        caller.await.unwrap();
    }
}
