use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use e2e::market::jobs;
use serde::Serialize;

use super::timeline::Timeline;
use crate::market::{database::Database, lab::Lab};
use crate::samples::{Latency, Samples};

const SCRIPT: &str = "print('first')\nprint('last')\n";
/// How the buyer's command tells the state that follows a run.
const OVER: &str = "  verifying  ";

/// Submit → first line, beside `docker run`.
#[derive(Serialize)]
pub(crate) struct FirstLine {
    /// The command starts → the first line on the buyer's screen.
    pub(crate) first: Latency,
    /// The command starts → the last line.
    pub(crate) last: Latency,
    /// The command starts → the buyer is told that the run ended: script and container gone, outputs at the server.
    pub(crate) over: Latency,
    /// The command starts → it has ended: settled, and the balance is right.
    pub(crate) settled: Latency,
    /// The same of `docker run`; none where there is no such command.
    pub(crate) docker: Option<Docker>,
    pub(crate) timeline: Timeline,
}

/// `docker run --rm`: to the lines of the script, and to its own end, container gone.
#[derive(Serialize)]
pub(crate) struct Docker {
    pub(crate) first: Latency,
    pub(crate) last: Latency,
    pub(crate) ended: Latency,
}

/// How a command went.
pub(super) struct Ran {
    pub(super) first: Duration,
    last: Duration,
    /// When it told that the run ended, where it tells such things.
    over: Option<Duration>,
    ended: Duration,
}

pub(crate) fn first_line(lab: &Lab) -> Result<FirstLine> {
    let platform = lab.platform(&["--dispute-window-seconds=1"]);
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "5", "USDC"]);
    let folder = jobs::script(&platform, "first", SCRIPT);
    let path = folder.to_string_lossy().into_owned();
    let [mut first, mut last, mut over, mut settled]: [Samples; 4] = Default::default();
    let mut docker: Option<[Samples; 3]> = None;
    for round in 0..=lab.sizes.first_line {
        // in turn, so that both meet the same machine
        let bare = if round == 0 || docker.is_some() { Some(bare(&folder)) } else { None };
        let mut command = buyer.command();
        command.args(["submit", &path, "--yes", "--disk", "1", "--image", "python"]);
        let ours = run(command)?;
        // the first round warms what can be warm, and tells whether there is something to compare with
        if round == 0 {
            match bare.transpose() {
                Ok(_) => docker = Some(Default::default()),
                Err(error) => lab.say(&format!("no `docker run` to compare with: {error:#}")),
            }
            continue;
        }
        first.push(ours.first);
        last.push(ours.last);
        over.push(ours.over.context("the buyer was not told that the run ended")?);
        settled.push(ours.ended);
        if let (Some([first, last, ended]), Some(bare)) = (&mut docker, bare.transpose()?) {
            first.push(bare.first);
            last.push(bare.last);
            ended.push(bare.ended);
        }
    }
    let timeline = Timeline::read(&Database::of(&platform.server))?;
    let told = |[first, last, ended]: [Samples; 3]| {
        anyhow::Ok(Docker { first: first.latency()?, last: last.latency()?, ended: ended.latency()? })
    };
    Ok(FirstLine {
        first: first.latency()?,
        last: last.latency()?,
        over: over.latency()?,
        settled: settled.latency()?,
        docker: docker.map(told).transpose()?,
        timeline,
    })
}

/// `docker run` of the same image and script, by the same engine: no limits, nothing taken away but the network.
fn bare(folder: &Path) -> Result<Ran> {
    let id = std::env::var("CYXWIZ_IMAGE_PYTHON").context("no image")?;
    let socket = std::env::var("CYXWIZ_DOCKER").context("no engine")?;
    let mut command = Command::new("docker");
    command.args(["-H", &format!("unix://{socket}"), "run", "--rm", "--network=none", "-v"]);
    command.arg(format!("{}:/job:ro", folder.display()));
    command.args([id.as_str(), "python3", "-u", "/job/training_script.py"]);
    run(command)
}

/// Runs a command, and notes when it says what.
pub(super) fn run(mut command: Command) -> Result<Ran> {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let out = child.stdout.take().context("no output")?;
    let err = child.stderr.take().context("no second output")?;
    let said = thread::spawn(move || {
        let (mut said, mut over) = (String::new(), None);
        for line in BufReader::new(err).lines().map_while(Result::ok) {
            if over.is_none() && line.contains(OVER) {
                over = Some(start.elapsed());
            }
            said.push_str(&line);
            said.push('\n');
        }
        (said, over)
    });
    let (mut first, mut last) = (None, None);
    for line in BufReader::new(out).lines() {
        match line?.as_str() {
            "first" => first = Some(start.elapsed()),
            "last" => last = Some(start.elapsed()),
            _ => {}
        }
    }
    let status = child.wait()?;
    let ended = start.elapsed();
    let (said, over) = said.join().unwrap_or_default();
    anyhow::ensure!(status.success(), "it failed: {said}");
    Ok(Ran { first: first.with_context(|| said)?, last: last.context("no last line")?, over, ended })
}
