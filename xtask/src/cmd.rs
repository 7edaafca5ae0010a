//! Running programs: the command line is shown in every error, and cargo's own variables do not leak.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Variables that `cargo run` sets for xtask. Children that saw them would be rebuilt for nothing.
const OF_CARGO_RUN: &[&str] = &[
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "LD_LIBRARY_PATH",
    "OUT_DIR",
];

/// Starts the description of a command.
pub(crate) fn cmd<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    for name in OF_CARGO_RUN {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    command
}

/// Starts the description of a cargo call in the folder `dir`.
pub(crate) fn cargo<S: AsRef<OsStr>>(dir: &Path, args: impl IntoIterator<Item = S>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = cmd(program, args);
    command.current_dir(dir);
    command
}

/// Runs to the end; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs to the end and returns stdout; anything but success is an error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed no UTF-8"))
}

/// Whether the command succeeds; it says nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Sends a signal, such as `-TERM`, by the `kill` of the shell itself: a small Debian has no other.
pub(crate) fn signal(signal: &str, process: &str) -> bool {
    succeeds(&mut cmd("sh", ["-c", "kill \"$0\" \"$1\"", signal, process]))
}

/// The command as one would type it, without its environment.
pub(crate) fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_reaches_a_process_and_no_process_is_no_success() {
        let mut child = cmd("sleep", ["600"]).spawn().unwrap();
        assert!(signal("-TERM", &child.id().to_string()));
        assert!(!child.wait().unwrap().success());
        assert!(!signal("-TERM", "no process"));
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(&mut cmd("false", ["--really"])).unwrap_err();
        assert!(error.to_string().starts_with("`false --really` failed"));
    }

    #[test]
    fn output_is_stdout() {
        assert_eq!(output(&mut cmd("echo", ["a", "b"])).unwrap(), "a b\n");
    }
}
