//! When a node is killed while it starts.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use super::dice::Dice;
use crate::support::Node;

/// A start takes less, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Within this long after the doors are made, tasks of the earlier run are taken up.
const TAKING_UP: Duration = Duration::from_millis(5);

/// What the log of a node that was killed within its start says of how far it came.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// Not to recovery, as far as the record tells.
    before: u32,
    /// Into recovery: something was written, not all was taken up.
    pub(super) within: u32,
    /// All was taken up.
    recovered: u32,
    /// Callers might have come.
    ready: u32,
}

/// Starts the node and kills it at a random moment of a start that took `usual` before: at any, or just when it takes
/// up its tasks.
pub(super) fn kill_within_start(node: &mut Node, dice: &mut Dice, usual: Duration, reached: &mut Reached) {
    let any = dice.one_in(2);
    if !any {
        // of the node before; the next one makes it just before it recovers
        let _ = fs::remove_file(node.socket());
    }
    let written_before = written(node);
    node.launch();
    let mut span = usual;
    if !any {
        until_now(|| node.socket().exists() || !node.is_alive());
        span = TAKING_UP;
    }
    let micros = dice.next(u64::try_from(span.as_micros()).unwrap().max(1));
    let moment = Instant::now() + Duration::from_micros(micros);
    until_now(|| Instant::now() >= moment);
    assert!(node.is_alive(), "it ended by itself: {}", node.log());
    node.kill();
    let log = node.log();
    let place = match log.contains("took up the tasks") {
        _ if log.contains("the node is ready") => &mut reached.ready,
        true => &mut reached.recovered,
        false if written(node) > written_before => &mut reached.within,
        false => &mut reached.before,
    };
    *place += 1;
}

/// Returns the name of the record's last file and the bytes in it, without the zeros that are allocated ahead.
fn written(node: &Node) -> (PathBuf, usize) {
    let files = fs::read_dir(node.home().join("record")).unwrap().map(|file| file.unwrap().path());
    let last = files.filter(|file| file.extension().is_some_and(|of| of == "seg")).max().unwrap();
    let bytes = fs::read(&last).unwrap();
    (last, bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1))
}

/// Looks without a pause: a moment is shorter than that.
fn until_now(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "waited in vain");
        thread::yield_now();
    }
}
