//! `vyr artifact …`: put, sign, verify, list, collect garbage.

mod gc;
mod input;
mod limit;
mod local;
mod ls;
mod put;
mod sign;
mod source;
mod upload;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

pub(crate) use self::{
    input::Input,
    local::{open_store, resolve, sign_for_run},
    put::put_local,
    source::Source,
    upload::{put, upload_file},
};
use crate::{context::Context, error::CliError};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Put a Wasm file, or an OCI image layout folder, and print its digest
    Put(put::Args),
    /// Make the manifest of a Wasm file and sign it, without putting it
    Sign(sign::Args),
    /// Check a stored artifact's digests and signature
    Verify(verify::Args),
    /// List the stored artifacts
    Ls,
    /// Remove artifacts, and blobs that nothing refers to
    Gc(gc::Args),
}

pub(crate) fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    match verb {
        Verb::Put(args) => context.block_on(put::run(args, context)),
        Verb::Sign(args) => {
            context.only_at_home("artifact sign")?;
            sign::run(&args, context)
        }
        Verb::Verify(args) => {
            context.only_at_home("artifact verify")?;
            verify::run(&args, context)
        }
        Verb::Ls => {
            context.only_at_home("artifact ls")?;
            ls::run(context)
        }
        Verb::Gc(args) => {
            context.only_at_home("artifact gc")?;
            gc::run(&args, context)
        }
    }
}
