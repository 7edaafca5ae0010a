use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::{Binaries, NAME, Place, User};
use crate::ServerError;

/// Runs PostgreSQL and stops it (fast, by SIGINT) once our end of its input is closed: that happens however we end,
/// by SIGKILL too, so that it never outlives the server.
const KEEPER: &str = r#"exec 3<&0 </dev/null
"$@" 3<&- & server=$!
(read -r nothing <&3; kill -INT "$server" 2>/dev/null) & keeper=$!
exec 3<&-
wait "$server"; status=$?
kill "$keeper" 2>/dev/null
exit "$status""#;

/// Connections of a private PostgreSQL at most: three servers' pools and a person's.
const CONNECTIONS: &str = "max_connections=120";

/// A command of PostgreSQL as the user whom it runs as, away from our terminal's signals.
fn command(program: &Path, user: &User) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").stdin(Stdio::null()).process_group(0);
    command.env("LC_ALL", "C");
    if let Some((uid, gid)) = user.other {
        command.uid(uid).gid(gid);
    }
    command
}

/// Makes the cluster where there is none. A half-made one of a crash is made anew.
pub(super) async fn initialise(binaries: &Binaries, place: &Place) -> Result<(), ServerError> {
    let Place { cluster, user, .. } = place;
    if cluster.join("PG_VERSION").exists() {
        return Ok(());
    }
    let fresh = cluster.with_extension("new");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).map_err(ServerError::path(&fresh))?;
    }
    let output = command(&binaries.program("initdb"), user)
        .args(["--username", NAME, "--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums", "-D"])
        .arg(&fresh)
        .output()
        .await
        .map_err(ServerError::path(binaries.program("initdb")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(ServerError::Said(format!("initdb failed: {}", said.trim())));
    }
    std::fs::rename(&fresh, cluster).map_err(ServerError::path(cluster))?;
    tracing::info!(path = %cluster.display(), "made a private PostgreSQL");
    Ok(())
}

/// Stops a server of this cluster that outlived its keeper.
pub(super) async fn stop_leftover(binaries: &Binaries, place: &Place) {
    if !place.cluster.join("postmaster.pid").exists() {
        return;
    }
    let stopping = command(&binaries.program("pg_ctl"), &place.user)
        .args(["stop", "-s", "-w", "-m", "fast", "-t", "30", "-D"])
        .arg(&place.cluster)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    // it says the same where nothing runs: a file of a crash
    tracing::debug!(?stopping, "asked a PostgreSQL that was there before to stop");
}

/// Starts it. It stops once the child's input is closed.
pub(super) fn start(binaries: &Binaries, place: &Place, settings: &[String]) -> std::io::Result<Child> {
    let mut keeper = command(Path::new("/bin/sh"), &place.user);
    keeper.args(["-c", KEEPER, "sh"]).arg(binaries.program("postgres")).arg("-D").arg(&place.cluster);
    keeper.arg("-c").arg(format!("unix_socket_directories={}", place.socket.display()));
    let fixed =
        ["listen_addresses=", "unix_socket_permissions=0700", CONNECTIONS, "log_min_messages=warning"];
    for setting in fixed.into_iter().chain(settings.iter().map(String::as_str)) {
        keeper.args(["-c", setting]);
    }
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}
