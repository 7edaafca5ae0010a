//! A list of steps that all run, whatever the earlier ones said, with a header, a duration and a summary.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

enum Outcome {
    Passed,
    Noted(String),
    Skipped(String),
    Failed(String),
}

/// What a step says when it did not fail.
pub(crate) enum Done {
    /// Checked, in order.
    Passed,
    /// The same, and what is to be known of it.
    Noted(String),
    /// Not checked, and why.
    Skipped(String),
}

/// Collects the outcome of each step.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration, Outcome)>,
}

impl Steps {
    /// Runs one step that either passes or fails.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        self.try_run(name, || step().map(|()| Done::Passed));
    }

    /// Runs one step that may find nothing to check.
    pub(crate) fn try_run(&mut self, name: &str, step: impl FnOnce() -> Result<Done>) {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let outcome = match step() {
            Ok(Done::Passed) => Outcome::Passed,
            Ok(Done::Noted(what)) => Outcome::Noted(what),
            Ok(Done::Skipped(why)) => Outcome::Skipped(why),
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        let took = start.elapsed();
        eprintln!("   {} ({:.1} s)", describe(&outcome), took.as_secs_f64());
        self.done.push((name.to_owned(), took, outcome));
    }

    /// Prints the summary; an error when a step failed.
    pub(crate) fn finish(self) -> Result<()> {
        eprintln!("\n== summary");
        let mut failed = 0;
        for (name, took, outcome) in &self.done {
            if matches!(outcome, Outcome::Failed(_)) {
                failed += 1;
            }
            let seconds = took.as_secs_f64();
            eprintln!("   {name:<28} {seconds:>7.1} s  {}", describe(outcome));
        }
        if failed > 0 {
            bail!("{failed} of {} steps failed", self.done.len());
        }
        Ok(())
    }
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => "ok".to_owned(),
        Outcome::Noted(what) => format!("ok: {what}"),
        Outcome::Skipped(why) => format!("skipped: {why}"),
        Outcome::Failed(why) => format!("FAILED: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_steps_run_after_a_failure() {
        let mut steps = Steps::default();
        let mut ran = false;
        steps.run("first", || bail!("no"));
        steps.run("second", || {
            ran = true;
            Ok(())
        });
        assert!(ran);
        let error = steps.finish().unwrap_err();
        assert_eq!(error.to_string(), "1 of 2 steps failed");
    }

    #[test]
    fn a_skipped_step_is_no_failure() {
        let mut steps = Steps::default();
        steps.try_run("only", || Ok(Done::Skipped("nothing there".to_owned())));
        assert!(steps.finish().is_ok());
    }
}
