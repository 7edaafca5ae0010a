//! Programs from the system's packages (Debian, Ubuntu).

use anyhow::{Context, Result, bail};

use crate::cmd::{cmd, output, run, succeeds};
use crate::place::on_path;

/// A program and the package that has it.
pub(crate) struct Need {
    program: &'static str,
    package: &'static str,
}

const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

/// What the tests start: an OCI copier, another signature verifier, an OCI runtime, a database. Debian keeps
/// `postgres` itself out of PATH; `pg_ctlcluster` comes with it. Then what puts a program's clock off, and what reads a
/// service's unit.
pub(crate) const FOR_TESTS: &[Need] = &[
    need("skopeo", "skopeo"),
    need("openssl", "openssl"),
    need("runc", "runc"),
    need("pg_ctlcluster", "postgresql"),
    need("faketime", "faketime"),
    need("systemd-analyze", "systemd"),
    need("mkfs.ext4", "e2fsprogs"),
];

/// What a private container engine and its network need.
pub(crate) const FOR_CONTAINERS: &[Need] = &[
    need("curl", "curl"),
    need("ip", "iproute2"),
    need("iptables", "iptables"),
    need("nsenter", "util-linux"),
];

/// What makes an image where no registry answers.
pub(crate) const FOR_IMAGES: &[Need] = &[need("curl", "curl"), need("mmdebstrap", "mmdebstrap")];

/// What npm packages need.
pub(crate) const FOR_NPM: &[Need] = &[need("node", "nodejs"), need("npm", "npm")];

/// Installs the packages of the programs that are not there.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> =
        needs.iter().filter(|need| !on_path(need.program)).map(|need| need.package).collect();
    install(&missing)
}

/// Makes sure of a busybox without shared libraries: it is the whole root of a test container.
pub(crate) fn ensure_static_busybox() -> Result<()> {
    let linked = |path: &str| succeeds(&mut cmd("ldd", [path]));
    let found = ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .any(|path| std::path::Path::new(path).is_file() && !linked(path));
    if found {
        return Ok(());
    }
    install(&["busybox-static"])
}

/// Installs packages by their names.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    if !on_path("apt-get") {
        let list = packages.join(", ");
        bail!("missing: {list}. Install them with this system's package manager");
    }
    eprintln!("installing {} (apt-get)", packages.join(" "));
    apt_get(&["update", "-qq"])?;
    let mut args = vec!["install", "-y", "-qq", "--no-install-recommends"];
    args.extend(packages);
    apt_get(&args)
}

fn apt_get(args: &[&str]) -> Result<()> {
    let root = output(&mut cmd("id", ["-u"]))?.trim() == "0";
    let mut command = if root {
        cmd("apt-get", args)
    } else {
        let mut command = cmd("sudo", ["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command.args(args);
        command
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command.stdout(std::io::stderr());
    run(&mut command).context("cannot install system packages")
}
