//! `install` and `uninstall` where systemd runs the machine. The machine here is a mount namespace of the test's own,
//! with its own `/run/systemd` and `/etc/systemd`, and a `systemctl` that writes down what it is told: what systemd itself
//! does with the unit is not seen here, only that it can read it (`systemd-analyze verify`).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::node::{WALLET, text};

/// A machine that systemd runs, as far as the agent looks at it.
struct Machine {
    dir: tempfile::TempDir,
}

/// Root's own user, or an ordinary one.
#[derive(Clone, Copy)]
enum Who {
    Root,
    User,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("cyx").tempdir().unwrap();
        for folder in ["bin", "run/system", "etc", "home/.config"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let machine = Self { dir };
        machine.systemctl("exit 0");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What `systemctl` does after it has written its words down.
    fn systemctl(&self, then: &str) {
        let (program, told) = (self.path("bin/systemctl"), self.path("told"));
        let unit = self.path("unit-then");
        // the unit as it stood when it was started
        let text = format!(
            "#!/bin/sh\necho \"$*\" >> {}\ncat /etc/systemd/system/cyxwiz-node.service > {} 2>/dev/null\n{then}\n",
            told.display(),
            unit.display()
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What `systemctl` was told since the last time.
    fn told(&self) -> Vec<String> {
        let told = fs::read_to_string(self.path("told")).unwrap_or_default();
        let _ = fs::remove_file(self.path("told"));
        told.lines().map(str::to_owned).collect()
    }

    /// A verb of the agent on this machine. Nothing of it is seen outside.
    fn call(&self, who: Who, args: &[&str]) -> Output {
        let mounts = "mount --bind \"$0/run\" /run/systemd && mount --bind \"$0/etc\" /etc/systemd/system && exec \"$@\"";
        let mut command = Command::new("unshare");
        // a user's own namespace lets him mount, too; to the agent he must not look like root
        command.args(["--mount", "--propagation", "private", "sh", "-c", mounts]).arg(self.dir.path());
        if matches!(who, Who::User) {
            command.args(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        }
        command.arg(env!("CARGO_BIN_EXE_cyxwiz-node")).args(args);
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        command
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("CYXWIZ_SERVER")
            .env("CYXWIZ_NODE_HOME", self.path("home/n"));
        command.output().unwrap()
    }
}

/// Only root has a mount namespace to try this in, and only where systemd's folders are there to be covered.
fn can() -> bool {
    let can = rustix::process::geteuid().is_root();
    if !can {
        eprintln!("SKIPPED: a machine of the test's own needs root");
    }
    for folder in ["/run/systemd", "/etc/systemd/system"] {
        assert!(
            !can || Path::new(folder).is_dir(),
            "{folder} is not there: run `./x test`, which installs systemd"
        );
    }
    can
}

const INSTALL: [&str; 6] = ["install", "--offline", "--wallet", WALLET, "--no-containers", "--cpu-slots=1"];

#[test]
fn roots_install_writes_and_starts_a_unit_and_uninstall_takes_it_away() {
    if !can() {
        return;
    }
    let machine = Machine::new();
    let (code, out, err) = text(&machine.call(Who::Root, &INSTALL));
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("service   /etc/systemd/system/cyxwiz-node.service, started"), "{out}");
    assert_eq!(
        machine.told(),
        ["daemon-reload", "enable cyxwiz-node.service", "restart cyxwiz-node.service"]
    );
    let unit = fs::read_to_string(machine.path("etc/cyxwiz-node.service")).unwrap();
    let program = fs::canonicalize(env!("CARGO_BIN_EXE_cyxwiz-node")).unwrap();
    let home = machine.path("home/n");
    let start = format!("ExecStart=\"{}\" run --home \"{}\"\n", program.display(), home.display());
    assert!(unit.contains(&start) && unit.contains("WantedBy=multi-user.target\n"), "{unit}");
    // the whole of it stood there before it was started
    assert_eq!(fs::read_to_string(machine.path("unit-then")).unwrap(), unit);
    // nothing of it is outside
    assert!(!fs::read_to_string("/etc/systemd/system/cyxwiz-node.service").is_ok_and(|other| other == unit));
    // again, with another flag: one unit, started anew
    let (code, _, err) = text(&machine.call(Who::Root, &["install", "--offline", "--min-price", "0.80"]));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(machine.told().last().unwrap(), "restart cyxwiz-node.service");

    let (code, out, err) = text(&machine.call(Who::Root, &["uninstall"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("removed /etc/systemd/system/cyxwiz-node.service"), "{out}");
    assert_eq!(machine.told(), ["disable --now cyxwiz-node.service", "daemon-reload"]);
    assert_eq!(fs::read_dir(machine.path("etc")).unwrap().count(), 0);
    assert!(home.join("identity.pem").exists(), "the key stays without --purge");
    let (code, out, _) = text(&machine.call(Who::Root, &["uninstall", "--purge"]));
    assert!(code == Some(0) && out.contains("there was no service"), "{out}");
    assert_eq!(machine.told(), Vec::<String>::new());
    assert!(!home.exists());
}

#[test]
fn a_users_service_is_his_own() {
    if !can() {
        return;
    }
    let machine = Machine::new();
    let nobody = Some(65_534);
    for folder in ["", "home", "home/.config"] {
        std::os::unix::fs::chown(machine.path(folder), nobody, nobody).unwrap();
    }
    let (code, out, err) = text(&machine.call(Who::User, &INSTALL));
    assert_eq!(code, Some(0), "{out}{err}");
    let unit = machine.path("home/.config/systemd/user/cyxwiz-node.service");
    assert!(fs::read_to_string(&unit).unwrap().contains("WantedBy=default.target\n"));
    assert_eq!(
        machine.told(),
        ["--user daemon-reload", "--user enable cyxwiz-node.service", "--user restart cyxwiz-node.service"]
    );
    assert_eq!(fs::read_dir(machine.path("etc")).unwrap().count(), 0, "root's folder is not touched");
    let (code, _, err) = text(&machine.call(Who::User, &["uninstall", "--purge"]));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(machine.told(), ["--user disable --now cyxwiz-node.service", "--user daemon-reload"]);
    assert!(!unit.exists() && !machine.path("home/n").exists());
}

#[test]
fn what_systemd_refuses_is_one_line() {
    if !can() {
        return;
    }
    let machine = Machine::new();
    machine.systemctl("echo 'Failed to connect to bus' >&2; exit 1");
    let (code, _, err) = text(&machine.call(Who::Root, &INSTALL));
    assert_eq!(code, Some(1), "{err}");
    assert!(err.starts_with("error: ") && err.contains("Failed to connect to bus"), "{err}");
    assert_eq!(machine.told(), ["daemon-reload"]);
    // where systemd does not run the machine, nobody is asked
    fs::remove_dir(machine.path("run/system")).unwrap();
    fs::remove_file(machine.path("etc/cyxwiz-node.service")).unwrap();
    let (code, out, err) = text(&machine.call(Who::Root, &INSTALL));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("start it with `cyxwiz-node run`"), "{out}");
    assert_eq!(machine.told(), Vec::<String>::new());
    assert_eq!(fs::read_dir(machine.path("etc")).unwrap().count(), 0);
}
