//! Debian's Rust compiler with its Wasm libraries, unpacked into the cache. Nothing is installed into the
//! system: an own apt state reads the machine's own mirror, checked with Debian's keyring.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cmd::{cmd, output, run, succeeds};
use crate::place::{Place, on_path};

/// The release whose packages are taken; its compiler is `rust-version` of `workloads/Cargo.toml`.
const SUITE: &str = "trixie";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The compiler, the libraries for host and guest, and every shared library that the compiler loads.
const PACKAGES: &[&str] = &[
    "rustc",
    "libstd-rust-1.85",
    "libstd-rust-dev",
    "libstd-rust-dev-wasm32",
    "libllvm19",
    "libc6",
    "libstdc++6",
    "libgcc-s1",
    "zlib1g",
    "libzstd1",
    "libxml2",
    "libedit2",
    "libffi8",
    "libtinfo6",
    "libbsd0",
    "libmd0",
    "liblzma5",
    "libicu76",
    "libz3-4",
];

/// Makes sure of the compiler and returns the script that starts it.
pub(super) fn compiler(place: &Place) -> Result<PathBuf> {
    let dir = place.tools().join(format!("rust-{SUITE}"));
    let script = dir.join("rustc");
    if succeeds(&mut cmd(&script, ["-vV"])) {
        return Ok(script);
    }
    for program in ["apt-get", "dpkg"] {
        if !on_path(program) {
            bail!("no way to compile guests: rustup cannot fetch wasm32-wasip2 and there is no `{program}`");
        }
    }
    if !Path::new(KEYRING).is_file() {
        bail!("`{KEYRING}` is missing: install the package debian-archive-keyring");
    }
    eprintln!("fetching Debian {SUITE}'s Rust compiler with Wasm targets (about 205 MB, once)");
    let _ = fs::remove_dir_all(&dir);
    download(&dir)?;
    unpack(&dir)?;
    write_script(&dir, &script)?;
    run(&mut cmd(&script, ["--version"])).context("Debian's compiler does not start")?;
    Ok(script)
}

fn download(dir: &Path) -> Result<()> {
    let debs = dir.join("debs");
    for sub in ["state/lists/partial", "cache/archives/partial", "debs"] {
        fs::create_dir_all(dir.join(sub))?;
    }
    let source = format!("deb [signed-by={KEYRING}] {} {SUITE} main\n", mirror()?);
    fs::write(dir.join("sources.list"), source)?;
    fs::write(dir.join("status"), "")?;
    run(&mut apt_get(dir, &["-qq", "update"]))?;
    run(apt_get(dir, &["-qq", "download"]).args(PACKAGES).current_dir(debs))
}

/// An apt-get that knows nothing of the system's packages and sources.
fn apt_get(dir: &Path, args: &[&str]) -> Command {
    let mut command = cmd("apt-get", args);
    for (key, sub) in [
        ("Dir::State", "state"),
        ("Dir::State::status", "status"),
        ("Dir::Cache", "cache"),
        ("Dir::Etc::sourcelist", "sources.list"),
    ] {
        let value = format!("{key}={}", dir.join(sub).display());
        command.arg("-o").arg(value);
    }
    for fixed in ["Dir::Etc::sourceparts=-", "APT::Sandbox::User=root"] {
        command.args(["-o", fixed]);
    }
    command.stdout(std::io::stderr());
    command
}

/// Debian's mirror as this machine's own sources name it, or `VYR_DEBIAN_MIRROR`.
fn mirror() -> Result<String> {
    if let Ok(set) = std::env::var("VYR_DEBIAN_MIRROR") {
        return Ok(set);
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"'))
    };
    let found = match (field("ID"), field("VERSION_CODENAME")) {
        (Some("debian"), Some(codename)) => {
            let format = "$(CREATED_BY) $(COMPONENT) $(RELEASE) $(REPO_URI)";
            let targets = output(&mut cmd("apt-get", ["indextargets", "--format", format]))?;
            let wanted = format!("Packages main {codename} ");
            let mut lines = targets.lines();
            lines.find_map(|line| line.strip_prefix(&wanted).map(str::to_owned))
        }
        _ => None,
    };
    found.context("this machine's apt names no Debian mirror: set VYR_DEBIAN_MIRROR to its address")
}

fn unpack(dir: &Path) -> Result<()> {
    let root = dir.join("root");
    for entry in fs::read_dir(dir.join("debs"))? {
        run(cmd("dpkg", ["-x"]).arg(entry?.path()).arg(&root))?;
    }
    for done in ["debs", "cache", "state"] {
        fs::remove_dir_all(dir.join(done))?;
    }
    Ok(())
}

/// The compiler starts through its own loader, with its own C library: the system's may be older.
fn write_script(dir: &Path, script: &Path) -> Result<()> {
    let (triplet, loader) = match std::env::consts::ARCH {
        "x86_64" => ("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
        "aarch64" => ("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
        other => bail!("no guest compiler for {other}"),
    };
    let root = dir.join("root/usr");
    let text = format!(
        "#!/bin/sh\nroot='{}'\nlib=\"$root/lib/{triplet}\"\n\
         exec \"$lib/{loader}\" --library-path \"$lib\" --argv0 \"$root/bin/rustc\" \"$root/bin/rustc\" \
         --sysroot \"$root\" \"$@\"\n",
        root.display()
    );
    fs::write(script, text)?;
    fs::set_permissions(script, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
