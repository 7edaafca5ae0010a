use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use e2e::market::jobs;
use serde::Serialize;

use super::timeline::Timeline;
use crate::market::{database::Database, lab::Lab};
use crate::samples::{Latency, Samples};

const SCRIPT: &str = "print('first')\nprint('last')\n";

/// Submit → first line, beside `docker run`.
#[derive(Serialize)]
pub(crate) struct FirstLine {
    /// The command starts → the first line on the buyer's screen.
    pub(crate) first: Latency,
    /// The command starts → the last line.
    pub(crate) last: Latency,
    /// The command starts → it has ended: settled, and the balance is right.
    pub(crate) settled: Latency,
    /// The same of `docker run`, to the first line and to its end; none where there is no such command.
    pub(crate) docker_first: Option<Latency>,
    pub(crate) docker: Option<Latency>,
    pub(crate) timeline: Timeline,
}

/// How a command went.
pub(super) struct Ran {
    pub(super) first: Duration,
    last: Duration,
    ended: Duration,
}

pub(crate) fn first_line(lab: &Lab) -> Result<FirstLine> {
    let platform = lab.platform(&["--dispute-window-seconds=1"]);
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "5", "USDC"]);
    let folder = jobs::script(&platform, "first", SCRIPT);
    let path = folder.to_string_lossy().into_owned();
    let (mut first, mut last, mut settled) = (Samples::default(), Samples::default(), Samples::default());
    let (mut docker_first, mut docker) = (Samples::default(), Samples::default());
    for round in 0..=lab.sizes.first_line {
        let bare = bare(&folder);
        let mut command = buyer.command();
        command.args(["submit", &path, "--yes", "--disk", "1", "--image", "python"]);
        let ours = run(command)?;
        // the first round warms what can be warm
        if round == 0 {
            continue;
        }
        first.push(ours.first);
        last.push(ours.last);
        settled.push(ours.ended);
        if let Ok(bare) = bare {
            docker_first.push(bare.first);
            docker.push(bare.ended);
        }
    }
    let timeline = Timeline::read(&Database::of(&platform.server))?;
    Ok(FirstLine {
        first: first.latency()?,
        last: last.latency()?,
        settled: settled.latency()?,
        docker_first: docker_first.latency().ok(),
        docker: docker.latency().ok(),
        timeline,
    })
}

/// `docker run` of the same image and script, by the same engine.
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
    let (mut first, mut last) = (None, None);
    for line in BufReader::new(out).lines() {
        match line?.as_str() {
            "first" => first = Some(start.elapsed()),
            "last" => last = Some(start.elapsed()),
            _ => {}
        }
    }
    let output = child.wait_with_output()?;
    let ended = start.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "it failed: {said}");
    Ok(Ran { first: first.with_context(|| said.into_owned())?, last: last.context("no last line")?, ended })
}
