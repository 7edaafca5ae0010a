//! `./x fuzz`: the targets of `fuzz/`, one after the other, each from the inputs that are kept and those of earlier runs.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::cmd::{cmd, output, run as run_command, shown};
use crate::place::{Place, path_with};
use crate::steps::{Done, Steps};
use crate::tools::rust::{self, Program};

/// Builds a target with what libFuzzer wants of the compiler.
const CARGO_FUZZ: Program =
    Program { package: "cargo-fuzz", version: "0.13.2", file: "cargo-fuzz", what_for: "to fuzz", flags: &[] };
/// One input may take this long, in seconds, and this much memory, in MiB.
const LIMITS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=2048"];

/// What is fuzzed, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// Targets, such as `manifest`; all of them when none is named
    targets: Vec<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 180)]
    seconds: u64,
    /// Keep what reaches more than `fuzz/corpus` does: add it there
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let fuzzer = Fuzzer { place, program: rust::program(place, &CARGO_FUZZ)? };
    let all: Vec<String> = output(&mut fuzzer.command("list", &[])?)?.lines().map(str::to_owned).collect();
    if let Some(unknown) = options.targets.iter().find(|name| !all.contains(name)) {
        bail!("there is no fuzz target `{unknown}`: there are {}", all.join(", "));
    }
    let chosen = if options.targets.is_empty() { &all } else { &options.targets };
    let mut steps = Steps::default();
    for name in chosen {
        steps.try_run(name, || fuzzer.fuzz(name, options));
    }
    steps.finish()
}

struct Fuzzer<'a> {
    place: &'a Place,
    program: PathBuf,
}

impl Fuzzer<'_> {
    /// A call of `cargo fuzz`, by the compiler that builds everything else: it needs no other for its sanitizer.
    fn command(&self, verb: &str, args: &[&str]) -> Result<Command> {
        let mut command = cmd(&self.program, ["fuzz", verb]);
        command
            .args(args)
            .current_dir(&self.place.root)
            .env("RUSTC_BOOTSTRAP", "1")
            .env_remove("CARGO_TARGET_DIR");
        let tools = self.program.parent().context("a tool lies in no folder")?;
        command.env("PATH", path_with(&[tools.to_owned()])?);
        Ok(command)
    }

    /// Builds and runs one target.
    fn fuzz(&self, name: &str, options: &Options) -> Result<Done> {
        let found = self.place.cache.join("fuzz").join(name);
        let kept = self.place.root.join("fuzz/corpus").join(name);
        fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
        let target = self.place.cache.join("fuzz-target");
        let target = target.to_str().context("the cache folder's name is no UTF-8")?;
        run_command(&mut self.command("build", &["--target-dir", target, name])?)?;
        let before = files(&found)?;
        let mut command = self.command("run", &["--target-dir", target, name])?;
        command.args([&found, &kept]).arg("--").args(LIMITS);
        command.args([format!("-max_total_time={}", options.seconds), "-print_final_stats=1".to_owned()]);
        let told = listen(&mut command, &found.with_extension("log"))?;
        let new = files(&found)?.saturating_sub(before);
        if options.keep {
            let mut command = self.command("run", &["--target-dir", target, name])?;
            run_command(command.args([&kept, &found]).args(["--", "-merge=1", "-max_len=4096"]))?;
        }
        Ok(Done::Noted(format!(
            "{} inputs, {} edges, {new} new inputs in {}",
            told.executed.context("libFuzzer did not say how much it ran")?,
            told.edges.context("libFuzzer did not say what it reached")?,
            found.display()
        )))
    }
}

/// What libFuzzer says of its run.
#[derive(Default, Debug, PartialEq)]
struct Told {
    executed: Option<u64>,
    edges: Option<u64>,
}

impl Told {
    /// Takes what one line says.
    fn read(&mut self, line: &str) {
        if let Some(number) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executed = number.trim().parse().ok();
        }
        let mut words = line.split_whitespace();
        if line.starts_with('#') && words.any(|word| word == "cov:") {
            self.edges = words.next().and_then(|number| number.parse().ok());
        }
    }
}

/// Runs to the end, with every line in `log` and those on the screen that are not about one more input.
fn listen(command: &mut Command, log: &Path) -> Result<Told> {
    let line = shown(command);
    let mut child =
        command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    let mut file = fs::File::create(log).with_context(|| format!("cannot make {}", log.display()))?;
    let mut told = Told::default();
    for line in BufReader::new(child.stderr.take().context("no pipe")?).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(file, "{line}")?;
        told.read(&line);
        let about_an_input = ["NEW", "REDUCE"].iter().any(|what| line.contains(what));
        if !about_an_input {
            eprintln!("   {line}");
        }
    }
    let status = child.wait()?;
    ensure!(
        status.success(),
        "`{line}` failed ({status}): the input is in fuzz/artifacts, {} has it all",
        log.display()
    );
    Ok(told)
}

fn files(dir: &Path) -> Result<usize> {
    Ok(fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?.count())
}

#[cfg(test)]
mod tests {
    use super::Told;

    #[test]
    fn the_figures_are_those_that_were_said_last() {
        let mut told = Told::default();
        for line in [
            "INFO: Loaded 1 modules   (30214 inline 8-bit counters)",
            "#171\tINITED cov: 2039 ft: 5211 corp: 160/9413b exec/s: 0 rss: 66Mb",
            "#262144\tpulse  cov: 2041 ft: 5240 corp: 170/10Kb lim: 223 exec/s: 87381 rss: 500Mb",
            "stat::number_of_executed_units: 300123",
            "stat::average_exec_per_sec:     1658",
        ] {
            told.read(line);
        }
        assert_eq!(told, Told { executed: Some(300_123), edges: Some(2041) });
    }
}
