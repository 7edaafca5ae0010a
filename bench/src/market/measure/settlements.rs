use std::{
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::market::lab::Lab;

/// The test that settles them, each compared to the unit with the words of the design.
const TEST: &str = "settlements::a_million_random_jobs_are_settled_to_the_unit";

/// Random jobs, settled by the market's rules and the escrow's.
#[derive(Serialize)]
pub(crate) struct Settlements {
    pub(crate) jobs: u64,
    pub(crate) seconds: f64,
    /// Jobs of which a unit was wrong: the test ends at the first.
    pub(crate) wrong: u64,
}

/// Runs the rules' own test, where it was built.
pub(crate) fn settlements(lab: &Lab) -> Result<Option<Settlements>> {
    let Some(rules) = &lab.options.rules else { return Ok(None) };
    let began = Instant::now();
    let mut command = Command::new(rules);
    command.args(["--exact", TEST, "--test-threads=1"]).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot start `{}`", rules.display()))?;
    let seconds = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !said.contains("1 passed") {
        bail!("the settlements are wrong, or were not made: {said}");
    }
    Ok(Some(Settlements { jobs: 1_000_000, seconds, wrong: 0 }))
}
