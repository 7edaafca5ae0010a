//! The service, where there is systemd: the system's for root, else the user's.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::CliError;
use crate::home::Home;

const UNIT: &str = "cyxwiz-node.service";

/// Whose service it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    System,
    User,
}

impl Scope {
    fn here() -> Self {
        if rustix::process::geteuid().is_root() { Self::System } else { Self::User }
    }

    fn folder(self) -> Option<PathBuf> {
        match self {
            Self::System => Some(PathBuf::from("/etc/systemd/system")),
            Self::User => {
                let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
                let config = config.filter(|path| path.is_absolute());
                let home = std::env::home_dir().map(|home| home.join(".config"));
                config.or(home).map(|config| config.join("systemd/user"))
            }
        }
    }

    const fn target(self) -> &'static str {
        match self {
            Self::System => "multi-user.target",
            Self::User => "default.target",
        }
    }
}

/// The unit's text. Systemd gives the agent as long to end its jobs as the agent itself does.
fn unit(scope: Scope, program: &Path, home: &Path) -> String {
    let program = quote(program);
    let home = quote(home);
    format!(
        "[Unit]\n\
         Description=CyxWiz node: sells this machine's spare compute\n\
         After=network-online.target docker.service\n\
         Wants=network-online.target\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         ExecStart={program} run --home {home}\n\
         Restart=always\n\
         RestartSec=2\n\
         TimeoutStopSec=90\n\
         KillMode=mixed\n\
         OOMScoreAdjust=-100\n\
         LimitNOFILE=65536\n\
         NoNewPrivileges=yes\n\
         UMask=0077\n\
         \n\
         [Install]\n\
         WantedBy={}\n",
        scope.target()
    )
}

/// As systemd reads a word: quoted, `%` and `$` doubled.
fn quote(path: &Path) -> String {
    let text = path.display().to_string();
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{text}\"")
}

/// Whether systemd runs this machine, and this user's services where it is not root.
fn is_there() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Writes the unit and starts it; returns its path, or nothing where there is no systemd.
pub(super) fn install(home: &Home) -> Result<Option<String>, CliError> {
    let scope = Scope::here();
    let (true, Some(folder)) = (is_there(), scope.folder()) else { return Ok(None) };
    let program = std::env::current_exe()?;
    std::fs::create_dir_all(&folder).map_err(|source| CliError::file("make", &folder, source))?;
    let path = folder.join(UNIT);
    let text = unit(scope, &program, home.path());
    std::fs::write(&path, text).map_err(|source| CliError::file("write", &path, source))?;
    systemctl(scope, &["daemon-reload"])?;
    systemctl(scope, &["enable", UNIT])?;
    // a changed unit or configuration counts at once
    systemctl(scope, &["restart", UNIT])?;
    Ok(Some(path.display().to_string()))
}

/// Stops and removes the unit; returns its path where there was one.
pub(super) fn uninstall() -> Result<Option<String>, CliError> {
    let scope = Scope::here();
    let Some(path) = scope.folder().map(|folder| folder.join(UNIT)).filter(|path| path.exists()) else {
        return Ok(None);
    };
    if is_there() {
        systemctl(scope, &["disable", "--now", UNIT])?;
    }
    std::fs::remove_file(&path).map_err(|source| CliError::file("remove", &path, source))?;
    if is_there() {
        systemctl(scope, &["daemon-reload"])?;
    }
    Ok(Some(path.display().to_string()))
}

fn systemctl(scope: Scope, args: &[&str]) -> Result<(), CliError> {
    let mut command = Command::new("systemctl");
    if scope == Scope::User {
        command.arg("--user");
    }
    let failed = |text: String| CliError::Service { program: "systemctl", text };
    let output = command.args(args).output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_starts_this_very_program_in_its_home() {
        let text = unit(Scope::User, Path::new("/opt/my apps/cyxwiz-node"), Path::new("/home/a/100%"));
        assert!(
            text.contains("ExecStart=\"/opt/my apps/cyxwiz-node\" run --home \"/home/a/100%%\"\n"),
            "{text}"
        );
        assert!(text.contains("WantedBy=default.target\n"));
        assert!(
            unit(Scope::System, Path::new("/x"), Path::new("/y")).contains("WantedBy=multi-user.target\n")
        );
    }

    /// `./x test` installs it where there is apt.
    #[test]
    fn systemd_reads_both_units_without_a_word() {
        let dir = tempfile::tempdir().unwrap();
        for (scope, user) in [(Scope::System, "--system"), (Scope::User, "--user")] {
            let file = dir.path().join(UNIT);
            // it wants a program that is there
            std::fs::write(&file, unit(scope, Path::new("/bin/sh"), Path::new("/home/a b/100%"))).unwrap();
            let mut command = Command::new("systemd-analyze");
            command.args([user, "verify", "--man=no"]).arg(&file).env("XDG_RUNTIME_DIR", dir.path());
            let output = command.output().expect("systemd-analyze is not there: run `./x test`");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{user}: {said}");
        }
    }
}
