//! A container engine for tests and demos: one that runs already, else a private one.
//!
//! ```text
//! found   ─► DOCKER_HOST, Docker's and Podman's usual sockets ───────────────┐
//! private ─► Debian's docker.io in the cache ─► namespace ─► own dockerd ────┴─► Engine (a socket)
//! ```
//! The private one keeps everything below the cache folder and in a network namespace of its own. It serves every
//! clone that shares the cache; the last user stops it, unless it was started to stay (`./x containers start`).

pub(crate) mod api;
mod found;
mod namespace;
mod private;
mod programs;
mod users;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

pub(crate) use self::users::Held;
use crate::place::Place;

/// What is done with the private engine.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand, Clone, Copy)]
enum Verb {
    /// Start it, to stay until it is stopped, and print how to reach it
    Start,
    /// Stop it and remove its namespace; images stay in the cache
    Stop,
}

/// An engine that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Its Unix socket.
    pub(crate) socket: PathBuf,
    /// The private engine's network namespace, in which tests may add addresses; none with another's engine.
    pub(crate) namespace: Option<String>,
    /// The host's address on the namespace's link: a server that listens there can be reached by jobs.
    pub(crate) host_address: Option<String>,
    /// Whether registries and package indexes may be tried.
    pub(crate) outbound: bool,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    match options.verb.unwrap_or(Verb::Start) {
        Verb::Start => {
            let held = ensure(place)?;
            held.keep().context("cannot note that the engine is to stay")?;
            print(&held.engine);
            Ok(())
        }
        Verb::Stop => users::stop(place),
    }
}

/// Makes sure of an engine, which stays at least as long as what is returned.
pub(crate) fn ensure(place: &Place) -> Result<Held> {
    match found::find() {
        Some(engine) => Ok(Held::of_another(engine)),
        None => users::hold(place),
    }
}

/// The variables by which tests find an engine.
pub(crate) fn variables(engine: &Engine) -> Vec<(&'static str, String)> {
    let mut set = vec![("CYXWIZ_DOCKER", engine.socket.display().to_string())];
    set.extend(engine.namespace.iter().map(|name| ("CYXWIZ_DOCKER_NETNS", name.clone())));
    set.extend(engine.host_address.iter().map(|address| ("CYXWIZ_DOCKER_HOST_ADDRESS", address.clone())));
    set
}

fn print(engine: &Engine) {
    for (name, value) in variables(engine) {
        println!("export {name}={value}");
    }
    if engine.namespace.is_some() && !engine.outbound {
        eprintln!(
            "this host forwards no packets: containers reach the host's end of the link and nothing beyond"
        );
    }
}
