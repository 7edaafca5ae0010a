use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use e2e::market::{Buyer, Platform, jobs};
use rustix::process::Signal;
use serde::Serialize;

use crate::market::lab::Lab;
use crate::samples::{Latency, Samples};

/// Prints numbered lines with the time at which each was written.
const SCRIPT: &str = r#"
import os, time
lines, pause = int(os.environ["LINES"]), float(os.environ["PAUSE"])
for number in range(lines):
    print("line", number, time.time_ns())
    time.sleep(pause)
"#;

/// A line, from the container to the buyer's screen.
#[derive(Serialize)]
pub(crate) struct Screen {
    /// Written → on the screen, ten lines a second.
    pub(crate) line: Latency,
    /// Lines that were written.
    pub(crate) written: usize,
    /// Lines that did not come.
    pub(crate) lost: usize,
    /// The same over a restart of the node, of which the job is run again.
    pub(crate) restart: Restart,
}

/// What came of a job whose node was restarted.
#[derive(Serialize)]
pub(crate) struct Restart {
    /// Lines of each attempt.
    pub(crate) attempts: Vec<usize>,
    /// Lines that are missing within an attempt, and of the last one at its end.
    pub(crate) lost: usize,
    /// Lines that came twice.
    pub(crate) twice: usize,
}

/// A line as it came.
struct Line {
    number: usize,
    after: Duration,
}

pub(crate) fn screen(lab: &Lab) -> Result<Screen> {
    let platform = lab.platform(&["--dispute-window-seconds=1"]);
    let mut seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "5", "USDC"]);
    let lines = follow(&platform, &buyer, lab.sizes.lines, 0.1, |_| {})?;
    let mut samples = Samples::default();
    lines.iter().for_each(|line| samples.push(line.after));
    let came: HashMap<usize, ()> = lines.iter().map(|line| (line.number, ())).collect();
    let written = lab.sizes.lines;

    let again = lab.sizes.lines / 4;
    let lines = follow(&platform, &buyer, again, 0.1, |number| {
        if number == again / 2 {
            seller.signal(Signal::TERM);
            seller.ended();
            seller.run();
        }
    })?;
    Ok(Screen {
        line: samples.latency()?,
        written,
        lost: written - came.len(),
        restart: restart(&lines, again),
    })
}

/// Submits, and reads the screen; `seen` is told each number once it is there first.
fn follow(
    platform: &Platform,
    buyer: &Buyer,
    lines: usize,
    pause: f64,
    mut seen: impl FnMut(usize),
) -> Result<Vec<Line>> {
    let folder = jobs::script(platform, "lines", SCRIPT);
    let mut command = buyer.command();
    command.arg("submit").arg(folder).args(["--yes", "--disk", "1", "--image", "python"]);
    command.args(["--env", &format!("LINES={lines}"), "--env", &format!("PAUSE={pause}")]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let out = child.stdout.take().context("no output")?;
    let (mut came, mut most) = (Vec::new(), None);
    for line in BufReader::new(out).lines() {
        let line = line?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut words = line.split(' ');
        let (Some("line"), Some(number), Some(written)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let (number, written) = (number.parse()?, Duration::from_nanos(written.parse()?));
        came.push(Line { number, after: now.saturating_sub(written) });
        if most < Some(number) {
            most = Some(number);
            seen(number);
        }
    }
    anyhow::ensure!(child.wait()?.success(), "the job failed");
    Ok(came)
}

/// Tells attempts apart: each begins with line 0.
fn restart(lines: &[Line], written: usize) -> Restart {
    let mut attempts: Vec<Vec<usize>> = Vec::new();
    for line in lines {
        if line.number == 0 || attempts.is_empty() {
            attempts.push(Vec::new());
        }
        attempts.last_mut().map(|attempt| attempt.push(line.number)).unwrap_or_default();
    }
    let (mut lost, mut twice) = (0, 0);
    for attempt in &attempts {
        let distinct: std::collections::BTreeSet<&usize> = attempt.iter().collect();
        lost += distinct.last().map_or(0, |last| **last + 1 - distinct.len());
        twice += attempt.len() - distinct.len();
    }
    lost += written - attempts.last().and_then(|attempt| attempt.iter().max()).map_or(0, |last| last + 1);
    Restart { attempts: attempts.iter().map(Vec::len).collect(), lost, twice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_told_apart_and_gaps_are_seen() {
        let lines = [0, 1, 2, 0, 1, 1, 3].map(|number| Line { number, after: Duration::ZERO });
        let restart = restart(&lines, 5);
        assert_eq!((restart.attempts, restart.lost, restart.twice), (vec![3, 4], 2, 1));
    }
}
