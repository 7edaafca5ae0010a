//! `vyr doctor`: looks at what a node needs, and names the mend of what is missing.

use std::{fs, os::unix::fs::MetadataExt as _, process::ExitCode};

use clap::Args;
use serde::Serialize;

use crate::{artifact::open_store, context::Context, error::CliError, output};

#[derive(Args)]
pub(crate) struct Verb {}

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    /// `ok`, `note` (works without it) or `bad`.
    result: &'static str,
    found: String,
    mend: &'static str,
}

pub(crate) fn run(_: &Verb, context: &Context) -> Result<ExitCode, CliError> {
    let checks = [home(context), store(context), node(context), pagemap(), oci()];
    let mut bad = false;
    for check in &checks {
        bad |= check.result == "bad";
        if context.json() {
            output::json(check)?;
            continue;
        }
        output::line(format_args!("{:<5} {:<12} {}", check.result, check.name, check.found))?;
        if check.result != "ok" {
            output::line(format_args!("      {:<12} mend: {}", "", check.mend))?;
        }
    }
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn home(context: &Context) -> Check {
    let (name, mend) = ("home", "run `chmod 700` on it");
    match fs::metadata(&context.home) {
        Ok(metadata) if metadata.mode() & 0o077 != 0 => {
            let found =
                format!("{} is open to others (mode {:o})", context.home.display(), metadata.mode() & 0o777);
            Check { name, result: "bad", found, mend }
        }
        Ok(_) => Check { name, result: "ok", found: context.home.display().to_string(), mend },
        Err(_) => {
            let found = format!("{} does not exist yet; the first use makes it", context.home.display());
            Check { name, result: "ok", found, mend }
        }
    }
}

fn store(context: &Context) -> Check {
    let name = "store";
    let mend = "put the damaged artifacts again, or remove them with `vyr artifact gc --remove`";
    let listed = open_store(context).and_then(|store| Ok(store.list(std::time::SystemTime::now())?));
    match listed {
        Ok(artifacts) => {
            let bad = artifacts.iter().filter(|listed| listed.artifact.is_err()).count();
            let found = format!("{} artifacts, {bad} that cannot be read", artifacts.len());
            Check { name, result: if bad == 0 { "ok" } else { "bad" }, found, mend }
        }
        Err(error) => Check { name, result: "bad", found: error.to_string(), mend },
    }
}

fn node(context: &Context) -> Check {
    let (name, mend) = ("node", "start it with `vyr node`");
    let reached = context.block_on(async {
        let digest = vyr_model::Digest::of(b"");
        Ok(context.client()?.has_blob(digest).await?)
    });
    match reached {
        Ok(_) => {
            let found = context.endpoint().map(|endpoint| endpoint.to_string()).unwrap_or_default();
            Check { name, result: "ok", found: format!("answers at {found}"), mend }
        }
        Err(error) => Check { name, result: "note", found: error.to_string(), mend },
    }
}

fn pagemap() -> Check {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut parts = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let has = (major, minor) >= (6, 7);
    Check {
        name: "kernel",
        result: if has { "ok" } else { "note" },
        found: format!("Linux {release}{}", if has { "" } else { ", without PAGEMAP_SCAN" }),
        mend: "Linux 6.7 or newer resets a guest's memory faster",
    }
}

fn oci() -> Check {
    let mend = "install runc to run artifacts of kind `oci`; Wasm does not need it";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = ["runc", "crun"]
        .into_iter()
        .find(|name| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()));
    match found {
        Some(name) => Check { name: "oci", result: "ok", found: format!("{name} on PATH"), mend },
        None => Check { name: "oci", result: "note", found: "no OCI runtime on PATH".to_owned(), mend },
    }
}
