//! The machine's own programs, in a mount namespace.

use std::{env, ffi::OsString, io, path::Path, process::Stdio, time::Duration};

use tokio::process::Command;

use super::mounts::Space;

/// Longer than a file system takes to be made on a busy disk.
const TIME: Duration = Duration::from_secs(60);

/// Runs a program to its end; what it says of a failure is the error.
pub(super) async fn run(space: &Space, program: &str, args: &[&Path]) -> io::Result<()> {
    let mut command = if *space == Space::ours() {
        Command::new(program)
    } else {
        let mut command = Command::new("nsenter");
        let mut mounts = OsString::from("--mount=");
        mounts.push(space.namespace());
        command.arg(mounts).arg(program);
        command
    };
    command.args(args).env("PATH", path()).env("LC_ALL", "C").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let named = |error: io::Error| io::Error::new(error.kind(), format!("`{program}`: {error}"));
    let ended = tokio::time::timeout(TIME, command.output()).await;
    let output = ended.map_err(|_| named(io::ErrorKind::TimedOut.into()))?.map_err(named)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("`{program}`: {}", said.lines().next().unwrap_or("it said nothing"))))
}

/// `PATH` with the folders that only root's has.
fn path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin:/usr/bin:/bin");
    path
}
