//! A node, the event transform over a generated stream, and its trace, by the commands one would type.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use super::Profile;
use super::background::Background;
use crate::cmd::{cargo, cmd, output, run as run_command, shown};
use crate::guests;
use crate::place::Place;

/// What the demo shows.
#[derive(Args)]
pub(crate) struct FabricOptions {
    /// Size of the generated event stream in MB
    #[arg(long, default_value_t = 100)]
    megabytes: u64,
    /// Seed of the generated event stream
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Profile of the binaries that are shown
    #[arg(long, hide = true, value_enum, default_value = "release")]
    profile: Profile,
}

/// What the demo shows it with.
struct Built {
    vyr: PathBuf,
    guests: PathBuf,
    generator: PathBuf,
}

pub(crate) fn run(place: &Place, options: &FabricOptions) -> Result<()> {
    let (guests, generator) = (guests::build(place)?, guests::generator(place)?);
    run_command(&mut cargo(&place.root, options.profile.build(&["vyr-cli"])))?;
    let vyr = place.binary(options.profile.folder(), "vyr");
    let home = place.cache.join("demo");
    show(place, &Built { vyr, guests, generator }, &home, options.megabytes, options.seed)
}

/// The same on a megabyte, with what the tests have built; what it wrote is gone when all went well.
pub(crate) fn check(place: &Place, guests: &Path, generator: &Path) -> Result<()> {
    let vyr = place.binary(Profile::Dev.folder(), "vyr");
    let built = Built { vyr, guests: guests.to_owned(), generator: generator.to_owned() };
    let home = std::env::temp_dir().join(format!("vyr-demo-{}", std::process::id()));
    show(place, &built, &home, 1, 1)?;
    fs::remove_dir_all(&home).with_context(|| format!("cannot remove `{}`", home.display()))
}

fn show(place: &Place, built: &Built, home: &Path, megabytes: u64, seed: u64) -> Result<()> {
    let _ = fs::remove_dir_all(home);
    fs::create_dir_all(home)?;
    let (events, sensors) = (home.join("events.jsonl"), home.join("sensors.jsonl"));
    generate(&built.generator, &events, seed, &["--bytes", &(megabytes * 1_000_000).to_string()])?;
    generate(&built.generator, &sensors, seed, &["--lookup"])?;

    let demo = Demo { vyr: built.vyr.clone(), home: home.join("node"), root: place.root.clone() };
    let node = demo.node(&home.join("node.log"))?;
    let shown = demo.show(&built.guests, &events, &sensors);
    drop(node);
    shown?;
    println!();
    println!("events     {}", events.display());
    println!("node home  {}", demo.home.display());
    println!("node log   {}", home.join("node.log").display());
    println!("guests     {}", built.guests.display());
    Ok(())
}

/// Makes the event stream, or the table of sensors to join it with.
fn generate(generator: &Path, to: &Path, seed: u64, what: &[&str]) -> Result<()> {
    let mut command = cmd(generator, ["--seed", &seed.to_string()]);
    command.args(what);
    println!("$ {} > {}", shown(&command), to.display());
    run_command(command.stdout(File::create(to)?))
}

/// A demo's node and the commands that talk to it.
struct Demo {
    vyr: PathBuf,
    home: PathBuf,
    root: PathBuf,
}

impl Demo {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = cmd(&self.vyr, args);
        command.env("VYR_HOME", &self.home);
        command
    }

    /// Starts the node and waits until it answers.
    fn node(&self, log: &Path) -> Result<Background> {
        println!("$ VYR_HOME={} vyr node &", self.home.display());
        let mut node = Background::start("node", self.command(&["node"]), log)?;
        node.until(|| crate::cmd::succeeds(&mut self.command(&["task", "ls"])).then_some(()))?;
        Ok(node)
    }

    fn show(&self, guests: &Path, events: &Path, sensors: &Path) -> Result<()> {
        println!("\n# a loader task fills an ephemeral state");
        let loader = self.put(&guests.join("state-load.wasm"), "lookup")?;
        let state = field(&self.say(&["state", "create", "sensors"])?, "state_id: ")?;
        let (fills, reads) = (format!("lookup={state}:rw"), format!("lookup={state}:ro"));
        self.task(&["--artifact", &loader, "--input", &sensors.to_string_lossy(), "--state", &fills])?;

        println!("\n# a reader task joins the event stream with it, read-only");
        let transform = self.put(&guests.join("event-transform.wasm"), "lookup")?;
        let input = events.to_string_lossy();
        let task = self.task(&["--artifact", &transform, "--input", &input, "--state", &reads])?;
        self.say(&["traces", "stream", "--task", &task])?;

        println!("\n# the same program, in this terminal, on real weather (NOAA, Seattle 2015)");
        let line = "vyr run event-transform.wasm --out OUT < seattle-weather-2015.jsonl";
        println!("$ {line} > enriched.jsonl; head -2 enriched.jsonl");
        let data = self.root.join("workloads/data/seattle-weather-2015.jsonl");
        let out = self.home.with_file_name("out");
        let mut run = self.command(&["run", &guests.join("event-transform.wasm").to_string_lossy(), "--out"]);
        run.arg(&out).stdin(File::open(data)?);
        for line in output(&mut run)?.lines().take(2) {
            println!("{line}");
        }
        println!("$ cat OUT/summary.json");
        println!("{}", fs::read_to_string(out.join("summary.json"))?.trim_end());
        Ok(())
    }

    /// Puts a program that opens one state.
    fn put(&self, wasm: &Path, state: &str) -> Result<String> {
        field(&self.say(&["artifact", "put", "--state", state, &wasm.to_string_lossy()])?, "digest: ")
    }

    /// Submits a task and waits for its end.
    fn task(&self, args: &[&str]) -> Result<String> {
        let submit: Vec<&str> = ["task", "submit"].iter().chain(args).copied().collect();
        let task = field(&self.say(&submit)?, "task_id: ")?;
        self.say(&["task", "wait", &task])?;
        Ok(task)
    }

    /// Shows a command, runs it, shows what it prints, and returns that.
    fn say(&self, args: &[&str]) -> Result<String> {
        println!("\n$ vyr {}", args.join(" "));
        let text = output(&mut self.command(args))?;
        print!("{text}");
        Ok(text)
    }
}

/// The value of the line that starts with `name`.
fn field(text: &str, name: &str) -> Result<String> {
    text.lines()
        .find_map(|line| line.trim().strip_prefix(name))
        .map(|value| value.trim().to_owned())
        .with_context(|| format!("no line `{name}…` in the output"))
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_the_rest_of_its_line() {
        let text = "digest: sha256:ab\n  task_id: tsk_1 \n";
        assert_eq!(field(text, "digest: ").unwrap(), "sha256:ab");
        assert_eq!(field(text, "task_id: ").unwrap(), "tsk_1");
        assert!(field(text, "none: ").is_err());
    }
}
