//! `./x demo market`: the whole of it on one machine, with nothing faked.
//!
//! ```text
//! containers, image ─► chain (program, wallets) ─► platform (its own PostgreSQL) ─► sellers' nodes ─► buyer
//!                         │                                                                             │
//! acts ─► ends (pure: state, reason, who pays) ◄─ what the CLI says ─ what the chain says ◄─────────────┘
//! ```
//! Every act ends as it must, to the unit, or the demo fails.

mod acts;
mod books;
mod buyer;
mod chain;
mod ends;
mod follow;
mod json;
mod platform;
mod seller;
mod stage;

use std::fmt::Display;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use super::Profile;
use crate::cmd::run as run_command;
use crate::containers::Engine;
use crate::images::Image;
use crate::place::Place;
use crate::{containers, devnet, dist, guests, images};
use stage::Stage;

/// How long a state may take to be reached.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is trained, and by which binaries.
#[derive(Args)]
pub(crate) struct Options {
    /// Train the digits with PyTorch, too; its image takes minutes to make the first time
    #[arg(long)]
    pytorch: bool,
    /// Build and show these binaries
    #[arg(long, value_enum, default_value = "release", hide = true)]
    profile: Profile,
}

pub(super) fn run(place: &Place, options: &Options) -> Result<()> {
    dist::market(place, options.profile == Profile::Release)?;
    let held = containers::ensure(place)?;
    let mut known = vec![(Image::Python, images::ensure(place, &held.engine, Image::Python, false)?.id)];
    if options.pytorch {
        known.push((Image::Pytorch, images::ensure(place, &held.engine, Image::Pytorch, false)?.id));
    }
    show(place, options.profile, &held.engine, &known)
}

/// Plays every act with binaries that are built; PyTorch's where its image is among those that are known.
pub(crate) fn show(
    place: &Place,
    profile: Profile,
    engine: &Engine,
    known: &[(Image, String)],
) -> Result<()> {
    let devnet = devnet::build(place, true)?;
    let stage = Stage::new(place, profile, engine, known, guests::build(place)?)?;
    let start = Instant::now();
    let played = acts::play(&stage, &devnet);
    println!("\nlogs       {}", stage.home.display());
    println!("took       {} s with {} binaries", start.elapsed().as_secs(), profile.folder());
    played
}

/// Says what is going to be seen.
fn announce(what: impl Display) {
    println!("\n# {what}");
}

/// Shows a command and what it prints; anything but success is an error.
fn say(name: &str, mut command: Command, args: &[&str]) -> Result<()> {
    println!("\n$ {name} {}", typed(args));
    run_command(command.args(args))
}

/// Arguments as one types them.
fn typed(args: &[&str]) -> String {
    let quoted = |arg: &&str| if arg.contains(' ') { format!("\"{arg}\"") } else { (*arg).to_owned() };
    args.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Looks until there is something, with a pause between two looks: a server counts calls.
fn wait<T>(what: &str, pause: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() > PATIENCE {
            bail!("waited {} s in vain: {what}", PATIENCE.as_secs());
        }
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn an_argument_of_some_words_is_quoted() {
        assert_eq!(typed(&["dispute", "job_1", "not so"]), "dispute job_1 \"not so\"");
    }
}
