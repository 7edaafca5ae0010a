//! The same source by Solana's own `cargo build-sbf`.
//!
//! ```text
//! driver ─► `cargo-build-sbf` of this machine, else built from its crate into the cache
//! tools  ─► Solana's platform tools, which it fetches itself
//!       └─► where they cannot be had: upstream's compiler as their stand-in, taught Solana's target
//!           (its name, `target_os = "solana"`, a core library built for it); the driver is the same
//! ```
//!
//! Its bytes differ from the committed ones; the program's tests run on them all the same.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Toolchain, build};
use crate::cmd::{cargo, cmd, output, run, succeeds};
use crate::place::{Place, on_path, path_with};
use crate::tools::debian::{self, Archive};

const DRIVER: &str = "cargo-build-sbf";

/// The driver's crate, where the machine has none; it asks for these platform tools.
const CRATE: (&str, &str) = ("solana-cargo-build-sbf", "4.0.0");
const TOOLS: &str = "v1.53";

/// Solana's target, as the driver names it.
const TARGET: &str = "sbpf-solana-solana";

/// The source of the stand-in's core library.
const SOURCE: &str = "rust-web-src";

/// The programs of LLVM that the driver calls when it has built.
const LLVM: &[&str] = &["llvm-ar", "llvm-objcopy", "llvm-objdump", "llvm-readelf"];

/// Builds the program with the driver, by whichever tools can be had, and returns where it lies.
pub(crate) fn build(place: &Place) -> Result<PathBuf> {
    let bin = driver(place)?;
    let out = place.cache.join("escrow-solana");
    let mut command = cmd(DRIVER, ["--manifest-path"]);
    command.arg(place.escrow().join("program/Cargo.toml")).arg("--sbf-out-dir").arg(&out);
    command.env("PATH", path_with(std::slice::from_ref(&bin))?).env("CARGO_TARGET_DIR", out.join("target"));
    let install = ["--install-only", "--tools-version", TOOLS];
    if succeeds(cmd(DRIVER, install).env("PATH", path_with(&[bin])?)) {
        eprintln!("   with Solana's platform tools {TOOLS}");
        run(&mut command)?;
    } else {
        eprintln!(
            "   Solana's platform tools cannot be fetched here: upstream's compiler stands in for them"
        );
        StandIn::ensure(place)?.run(&mut command)?;
    }
    Ok(out.join(build::NAME))
}

/// The folder that holds the driver.
fn driver(place: &Place) -> Result<PathBuf> {
    let (name, version) = CRATE;
    let root = place.tools().join(format!("{name}-{version}"));
    let bin = root.join("bin");
    if !on_path(DRIVER) && !bin.join(DRIVER).is_file() {
        eprintln!("building Solana's driver `{DRIVER}` {version} (minutes), once");
        let target = root.join("target");
        let mut command = cargo(&place.root, ["install", "--locked", "--quiet", "--debug", "--version"]);
        command.args([version, name, "--root"]).arg(&root).env("CARGO_TARGET_DIR", &target);
        run(&mut command).context("cannot build Solana's driver")?;
        fs::remove_dir_all(target)?;
    }
    Ok(bin)
}

/// A folder that is laid out as platform tools are, of the compiler that builds the committed program.
struct StandIn {
    toolchain: Toolchain,
    dir: PathBuf,
}

impl StandIn {
    fn ensure(place: &Place) -> Result<Self> {
        let toolchain = Toolchain::ensure(place)?;
        let made = Self { toolchain, dir: place.tools().join("escrow-platform-tools") };
        let whole = made.dir.join("whole");
        if whole.exists() {
            return Ok(made);
        }
        let _ = fs::remove_dir_all(&made.dir);
        debian::unpack(&made.dir, super::toolchain::SUITE, &[Archive::Main, Archive::Security], &[SOURCE])?;
        made.describe_target()?;
        made.sysroot()?;
        made.programs()?;
        fs::write(whole, "")?;
        Ok(made)
    }

    /// Runs the driver with this compiler. Its unstable flags (a target of our own, a core library built for it)
    /// are for this check alone: nothing that ships is built with them.
    fn run(&self, driver: &mut Command) -> Result<()> {
        let mut flags = build::FLAGS.join(" ");
        flags.push_str(" -Awarnings");
        driver
            .args(["--skip-tools-install", "--no-rustup-override", "--tools-version", TOOLS])
            .args(["--", "--locked", "--quiet", "-Zbuild-std=core"])
            .env("HOME", self.dir.join("home"))
            .env("CARGO_HOME", build::cargo_home()?)
            .env("RUSTC", self.compiler())
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_SBPF_SOLANA_SOLANA_LINKER", self.toolchain.linker())
            .env("CARGO_TARGET_SBPF_SOLANA_SOLANA_RUSTFLAGS", flags)
            .env_remove("RUSTFLAGS")
            .env_remove("RUSTC_WRAPPER");
        if let Some(rustup) = rustup_home() {
            driver.env("RUSTUP_HOME", rustup);
        }
        run(driver)
    }

    fn compiler(&self) -> PathBuf {
        self.dir.join("rustc")
    }

    /// Upstream's BPF under Solana's name. Libraries have no prefix there.
    fn describe_target(&self) -> Result<()> {
        let args = ["--print", "target-spec-json", "-Zunstable-options", "--target", build::TARGET];
        let printed = output(cmd(self.toolchain.compiler(), args).env("RUSTC_BOOTSTRAP", "1"))?;
        let mut target: Value = serde_json::from_str(&printed).context("the compiler printed no JSON")?;
        for (field, value) in [("os", "solana"), ("vendor", "solana"), ("dll-prefix", "")] {
            if let Some(map) = target.as_object_mut() {
                map.insert(field.to_owned(), value.into());
            }
        }
        fs::write(self.dir.join(format!("{TARGET}.json")), serde_json::to_vec_pretty(&target)?)?;
        Ok(())
    }

    /// The compiler's libraries and the core library's source. Beside the compiler itself that source would change
    /// the paths in what it builds.
    fn sysroot(&self) -> Result<()> {
        let lib = self.dir.join("sysroot/lib/rustlib");
        fs::create_dir_all(&lib)?;
        let theirs = output(&mut cmd(self.toolchain.compiler(), ["--print", "sysroot"]))?;
        for entry in fs::read_dir(Path::new(theirs.trim()).join("lib/rustlib"))? {
            let entry = entry?;
            symlink(entry.path(), lib.join(entry.file_name()))?;
        }
        fs::create_dir_all(lib.join("src"))?;
        let sources = self.dir.join("root/usr/src");
        let source = fs::read_dir(&sources)?.next().context("no source of the core library")??;
        symlink(source.path(), lib.join("src/rust")).context("cannot link the core library's source")
    }

    /// What the driver looks for where it would have unpacked platform tools.
    fn programs(&self) -> Result<()> {
        let tools = self.dir.join("home/.cache/solana").join(TOOLS).join("platform-tools");
        let [rust, llvm] = ["rust/bin", "llvm/bin"].map(|sub| tools.join(sub));
        fs::create_dir_all(&rust)?;
        fs::create_dir_all(&llvm)?;
        let dir = self.dir.display();
        let compiler = self.toolchain.compiler();
        let text = format!(
            "export RUSTC_BOOTSTRAP=1 RUST_TARGET_PATH='{dir}'\n\
             case \" $* \" in *' target-list '*) echo {TARGET};; esac\n\
             exec '{}' \"$@\" --sysroot '{dir}/sysroot' -Zunstable-options\n",
            compiler.display()
        );
        script(&self.compiler(), &text)?;
        symlink(self.compiler(), rust.join("rustc"))?;
        script(&rust.join("cargo"), "exec cargo \"$@\"\n")?;
        for name in LLVM {
            let call = self.toolchain.llvm(name);
            let program = call.get_program().to_string_lossy();
            let lib = self.toolchain.libraries();
            let text = format!("LD_LIBRARY_PATH='{}' exec '{program}' \"$@\"\n", lib.display());
            script(&llvm.join(name), &text)?;
        }
        Ok(())
    }
}

fn script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{text}"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn rustup_home() -> Option<PathBuf> {
    let set = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    set.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".rustup")))
}
