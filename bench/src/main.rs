//! `vyr-bench`: measures the real node, as a process of its own, through the Control API, and its
//! peers in the same run.
//!
//! ```text
//! main ─► suite ─► Lab ─► Node (a `vyr node` process) ◄── Client, Watcher: submit → terminal
//!            │     └───► Artifacts (signed, each with bytes of its own)
//!            ├──► measure/  one class or load a file
//!            ├──► peers/    wasmtime, runc, docker, and wasmtime in this process: the limit
//!            └──► report ─► bench/results/*.json, *.md
//! ```
//! Progress goes to stderr, the Markdown table to stdout.

mod artifact;
mod goals;
mod lab;
mod machine;
mod measure;
mod metrics;
mod node;
mod options;
mod peers;
mod report;
mod samples;
mod sink;
mod suite;
mod watcher;

use std::process::ExitCode;

use clap::Parser as _;

use crate::options::Options;

fn main() -> ExitCode {
    match suite::run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
