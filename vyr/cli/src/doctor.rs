//! `vyr doctor`: looks at what a node needs, and names the mend of what is missing.

use std::{
    error::Error, fs, io, os::unix::fs::MetadataExt as _, path::Path, process::ExitCode, time::SystemTime,
};

use clap::Args;
use rustix::fs::{Access, access};
use serde::Serialize;
use vyr_node::Home;
use vyr_sdk::{EndpointError, SdkError};
use vyr_store::{Store, StoreError, StoreOptions};

use crate::{context::Context, error::CliError, output, terminal::clean_lines};

#[derive(Args)]
pub(crate) struct Verb {}

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    /// `ok`, `note` (works without it) or `bad`.
    result: &'static str,
    found: String,
    mend: String,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, result: "ok", found: found.into(), mend: String::new() }
    }

    fn note(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, result: "note", found: found.into(), mend: mend.into() }
    }

    fn bad(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, result: "bad", found: found.into(), mend: mend.into() }
    }
}

pub(crate) fn run(_: &Verb, context: &Context) -> Result<ExitCode, CliError> {
    let mut bad = false;
    // what lies in a folder that is none says nothing more
    let is_there = context.home().is_ok_and(Path::is_dir);
    let inside = if is_there { vec![store(context), token(context)] } else { Vec::new() };
    let checks = std::iter::once(home(context)).chain(inside).chain([node(context), pagemap(), oci()]);
    for check in checks {
        bad |= check.result == "bad";
        if context.json() {
            output::json(&check)?;
            continue;
        }
        let found = clean_lines(&check.found, "                   ");
        output::line(format_args!("{:<5} {:<12} {found}", check.result, check.name))?;
        if check.result != "ok" {
            output::line(format_args!("      {:<12} mend: {}", "", check.mend))?;
        }
    }
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Shows an error with its causes on one line.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}, because {cause}");
        source = cause.source();
    }
    text
}

fn home(context: &Context) -> Check {
    let name = "home";
    let path = match context.home() {
        Ok(path) => path,
        Err(error) => return Check::bad(name, told(&error), "name a folder with --home or VYR_HOME"),
    };
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Check::ok(name, format!("{shown} does not exist yet; the first use makes it"));
        }
        Err(error) => {
            let mend = "name another folder with --home or VYR_HOME, or make this one yours";
            return Check::bad(name, format!("{shown} cannot be looked at: {error}"), mend);
        }
    };
    let mode = metadata.mode() & 0o777;
    if !metadata.is_dir() {
        return Check::bad(name, format!("{shown} is no folder"), "name a folder with --home or VYR_HOME");
    }
    if access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let found = format!("{shown} is not yours to write to (mode {mode:o}, user {})", metadata.uid());
        return Check::bad(
            name,
            found,
            "name another folder with --home or VYR_HOME, or make this one yours",
        );
    }
    if mode & 0o077 != 0 {
        return Check::bad(
            name,
            format!("{shown} is open to others (mode {mode:o})"),
            "run `chmod 700` on it",
        );
    }
    Check::ok(name, shown.to_string())
}

/// Looks at the store that there is: to open one would make it.
fn store(context: &Context) -> Check {
    let name = "store";
    let home = match context.home() {
        Ok(path) => Home::new(path),
        Err(error) => return Check::bad(name, told(&error), "name a folder with --home or VYR_HOME"),
    };
    if matches!(fs::symlink_metadata(home.store()), Err(error) if error.kind() == io::ErrorKind::NotFound) {
        return Check::ok(name, "none yet; the first use makes it");
    }
    let opened = Store::open(home.store(), StoreOptions::new(home.trust()));
    let listed = match opened.and_then(|store| store.list(SystemTime::now())) {
        Ok(listed) => listed,
        Err(error) => return Check::bad(name, told(&error), store_mend(&error)),
    };
    let bad: Vec<String> = listed
        .iter()
        .filter_map(|listed| Some((listed.digest, listed.artifact.as_ref().err()?)))
        .map(|(digest, error)| format!("{digest}: {}", told(error)))
        .collect();
    let found = format!("{} artifacts, {} that cannot be read", listed.len(), bad.len());
    if bad.is_empty() {
        return Check::ok(name, found);
    }
    let shown = bad.iter().take(SHOWN).fold(found, |text, bad| format!("{text}\n{bad}"));
    let mend = "put these artifacts again, or remove each with `vyr artifact gc --remove DIGEST`";
    Check::bad(name, shown, mend)
}

/// Artifacts named where some cannot be read.
const SHOWN: usize = 10;

fn store_mend(error: &StoreError) -> &'static str {
    match error {
        StoreError::DiskFull { .. } => "free some space",
        StoreError::Locked { .. } => "wait for the other process to end, or end it",
        StoreError::Index { .. } => "delete that file: it is made again",
        StoreError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            "make the home and all in it your own again"
        }
        _ => "move `store` in the home away, or restore it: a new one is made at the next use",
    }
}

/// The token of TCP, where there is one.
fn token(context: &Context) -> Check {
    let (name, mend) = ("token", "delete it, and start the node again: a new one is made");
    let path = match context.token_file() {
        Some(path) => path,
        None => return Check::ok(name, "none; only a node that listens on TCP makes one"),
    };
    let shown = path.display();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !context.names_token() => {
            return Check::ok(name, "none; only a node that listens on TCP makes one");
        }
        Err(error) => return Check::bad(name, format!("{shown} cannot be read: {error}"), mend),
    };
    let text = text.trim();
    if text.len() < 32 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let found = format!("{shown} holds no token: 32 or more letters and digits on one line");
        return Check::bad(name, found, mend);
    }
    match fs::metadata(&path) {
        Ok(metadata) if metadata.mode() & 0o077 != 0 => {
            let found = format!("others may read {shown} (mode {:o})", metadata.mode() & 0o777);
            Check::bad(name, found, "run `chmod 600` on it, or delete it for a new one")
        }
        _ => Check::ok(name, shown.to_string()),
    }
}

fn node(context: &Context) -> Check {
    let name = "node";
    let reached = context.block_on(async {
        let digest = vyr_model::Digest::of(b"");
        Ok(context.client()?.has_blob(digest).await?)
    });
    let error = match reached {
        Ok(_) => {
            let found = context.endpoint().map(|endpoint| endpoint.to_string()).unwrap_or_default();
            return Check::ok(name, format!("answers at {found}"));
        }
        Err(error) => error,
    };
    let found = match &error {
        // its own text names the mends of other verbs
        CliError::Sdk(SdkError::Unreachable { endpoint, source }) => {
            format!("none answers at {endpoint}, because {}", told(&**source))
        }
        error => told(error),
    };
    let mend = match &error {
        CliError::Sdk(SdkError::Unreachable { .. }) if context.names_node() => {
            "start it there, or name another with --node or VYR_NODE"
        }
        CliError::Sdk(SdkError::Unreachable { .. }) => "start it with `vyr node`",
        CliError::Endpoint(EndpointError::NoHome) => "name a folder with --home or VYR_HOME",
        CliError::Endpoint(_) => "write --node or VYR_NODE, and --token-file or VYR_TOKEN_FILE, as it says",
        CliError::Sdk(error) => error.mend().unwrap_or("see the node's log"),
        _ => "see --tls-ca or VYR_TLS_CA, and the token's file",
    };
    // without one that is named, `run` works in a process of its own
    let make = if context.names_node() { Check::bad } else { Check::note };
    make(name, found, mend.to_owned())
}

fn pagemap() -> Check {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut parts = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let has = (major, minor) >= (6, 7);
    if has {
        return Check::ok("kernel", format!("Linux {release}"));
    }
    let mend = "Linux 6.7 or newer resets a guest's memory faster";
    Check::note("kernel", format!("Linux {release}, without PAGEMAP_SCAN"), mend)
}

fn oci() -> Check {
    let mend = "install runc to run artifacts of kind `oci`; Wasm does not need it";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = ["runc", "crun"]
        .into_iter()
        .find(|name| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()));
    match found {
        Some(name) => Check::ok("oci", format!("{name} on PATH")),
        None => Check::note("oci", "no OCI runtime on PATH", mend),
    }
}
