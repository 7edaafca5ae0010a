//! `./x demo`: a node, the event transform over a generated stream, and its trace, by the commands one would type.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cmd::{cargo, cmd, output, run as run_command, shown};
use crate::guests;
use crate::place::Place;

/// How long the node may take to answer.
const READY: Duration = Duration::from_secs(30);

/// What the demo shows.
#[derive(Args)]
pub(crate) struct Options {
    /// Size of the generated event stream in MB
    #[arg(long, default_value_t = 100)]
    megabytes: u64,
    /// Seed of the generated event stream
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let guests = guests::build(place)?;
    let generator = guests::generator(place)?;
    let build = ["build", "--release", "--package", "vyr-cli"];
    run_command(&mut cargo(&place.root, build))?;

    let home = place.cache.join("demo");
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(&home)?;
    let events = home.join("events.jsonl");
    generate(&generator, &events, options)?;

    let demo = Demo { vyr: place.binary("release", "vyr"), home: home.join("node") };
    let node = demo.node(&home.join("node.log"))?;
    let shown = demo.show(&guests, &events);
    drop(node);
    shown?;
    println!();
    println!("events     {}", events.display());
    println!("node home  {}", demo.home.display());
    println!("node log   {}", home.join("node.log").display());
    println!("guests     {}", guests.display());
    Ok(())
}

fn generate(generator: &Path, to: &Path, options: &Options) -> Result<()> {
    let (bytes, seed) = (options.megabytes * 1_000_000, options.seed);
    let args = ["--seed".to_owned(), seed.to_string(), "--bytes".to_owned(), bytes.to_string()];
    let mut command = cmd(generator, args);
    println!("$ {} > {}", shown(&command), to.display());
    run_command(command.stdout(File::create(to)?))
}

/// A demo's node and the commands that talk to it.
struct Demo {
    vyr: PathBuf,
    home: PathBuf,
}

impl Demo {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = cmd(&self.vyr, args);
        command.env("VYR_HOME", &self.home);
        command
    }

    /// Starts the node and waits until it answers.
    fn node(&self, log: &Path) -> Result<Node> {
        println!("$ VYR_HOME={} vyr node &", self.home.display());
        let mut command = self.command(&["node"]);
        command.stdin(Stdio::null()).stdout(File::create(log)?);
        command.stderr(File::options().append(true).open(log)?);
        let mut node = Node(command.spawn().context("cannot start the node")?);
        let start = Instant::now();
        while !crate::cmd::succeeds(&mut self.command(&["task", "ls"])) {
            if let Some(status) = node.0.try_wait()? {
                bail!("the node ended ({status}); see `{}`", log.display());
            }
            if start.elapsed() > READY {
                bail!("the node does not answer; see `{}`", log.display());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(node)
    }

    fn show(&self, guests: &Path, events: &Path) -> Result<()> {
        let guest = guests.join("event-transform.wasm");
        let put = self.say(&["artifact", "put", &guest.to_string_lossy()])?;
        let digest = field(&put, "digest: ")?;
        let input = events.to_string_lossy();
        let submit = ["task", "submit", "--artifact", &digest, "--input", &input];
        let submitted = self.say(&submit)?;
        let task = field(&submitted, "task_id: ")?;
        self.say(&["task", "wait", &task])?;
        self.say(&["traces", "stream", "--task", &task])?;
        Ok(())
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

/// The node's process, told to stop when the demo ends, however it ends.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        let _ = cmd("kill", ["-TERM", &id]).status();
        let _ = self.0.wait();
    }
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
