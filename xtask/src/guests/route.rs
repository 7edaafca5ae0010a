//! Which compiler makes the guests. Found out once a compiler version, then remembered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use super::debian;
use crate::cmd::{cargo, cmd, output, succeeds};
use crate::place::{Place, on_path};

/// Both kinds of guest: components and core modules.
pub(super) const TARGETS: &[&str] = &["wasm32-wasip2", "wasm32-wasip1"];

/// Long enough for a slow link, short enough for a closed network that never answers.
const RUSTUP_SECONDS: &str = "300";

/// How guests are compiled.
pub(super) enum Route {
    /// The ordinary compiler has the targets.
    Native,
    /// Another compiler has them; the ordinary one lends its linkers.
    Debian { rustc: PathBuf, linkers: PathBuf },
}

impl Route {
    /// Finds the way that works here; `VYR_GUEST_ROUTE=debian` tries the second one even where the first works.
    pub(super) fn find(place: &Place) -> Result<Self> {
        let sysroot = Sysroot::find(place)?;
        if std::env::var_os("VYR_GUEST_ROUTE").is_some_and(|route| route == "debian") {
            return Self::debian(place, &sysroot);
        }
        if sysroot.has_targets() {
            return Ok(Self::Native);
        }
        let note = place.tools().join("guest-route");
        if !fs::read_to_string(&note).is_ok_and(|have| have == sysroot.version) {
            if sysroot.add_targets() {
                return Ok(Self::Native);
            }
            eprintln!("rustup cannot fetch the Wasm targets here; using Debian's compiler for guests");
        }
        let route = Self::debian(place, &sysroot)?;
        fs::write(&note, &sysroot.version).context("cannot remember the guest compiler")?;
        Ok(route)
    }

    /// Each way by its name, or why this machine has it not.
    pub(super) fn each(place: &Place) -> Result<[(&'static str, Result<Self>); 2]> {
        let sysroot = Sysroot::find(place)?;
        let native = if sysroot.has_targets() || sysroot.add_targets() {
            Ok(Self::Native)
        } else {
            Err(anyhow!("rustup cannot fetch the Wasm targets"))
        };
        Ok([("native", native), ("debian", Self::debian(place, &sysroot))])
    }

    fn debian(place: &Place, sysroot: &Sysroot) -> Result<Self> {
        let rustc = debian::compiler(place)?;
        let linkers = sysroot.dir.join("lib/rustlib").join(&sysroot.host).join("bin");
        Ok(Self::Debian { rustc, linkers })
    }

    /// A cargo call in `workloads/` that compiles guests by this route in the folder `target`.
    pub(super) fn cargo(&self, place: &Place, target: &Path, args: &[&str]) -> Command {
        let mut command = cargo(&place.workloads(), args);
        command
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback")
            .env_remove("RUSTFLAGS");
        if let Self::Debian { rustc, linkers } = self {
            let wasm_ld = linkers.join("gcc-ld/wasm-ld");
            let flag = format!("-Clink-arg=--wasm-ld-path={}", wasm_ld.display());
            command
                .env("RUSTC", rustc)
                .env("CARGO_TARGET_WASM32_WASIP2_LINKER", linkers.join("wasm-component-ld"))
                .env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", flag)
                .env("CARGO_TARGET_WASM32_WASIP1_LINKER", linkers.join("rust-lld"));
        }
        command
    }
}

/// The ordinary compiler's installation.
struct Sysroot {
    dir: PathBuf,
    host: String,
    version: String,
}

impl Sysroot {
    fn find(place: &Place) -> Result<Self> {
        let rustc = |arg: &[&str]| output(cmd("rustc", arg).current_dir(&place.root));
        let version = rustc(&["-vV"])?;
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("`rustc -vV` names no host")?
            .to_owned();
        let dir = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
        Ok(Self { dir, host, version })
    }

    fn has_targets(&self) -> bool {
        let rustlib = self.dir.join("lib/rustlib");
        let has = |target: &&str| has_std(&rustlib.join(target).join("lib"));
        TARGETS.iter().all(has)
    }

    fn add_targets(&self) -> bool {
        if !on_path("rustup") {
            return false;
        }
        let mut command = cmd("timeout", [RUSTUP_SECONDS, "rustup", "target", "add"]);
        succeeds(command.args(TARGETS)) && self.has_targets()
    }
}

fn has_std(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}
