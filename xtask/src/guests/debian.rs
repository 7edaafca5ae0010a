//! Debian's Rust compiler with its Wasm libraries, unpacked into the cache.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::cmd::{cmd, run, succeeds};
use crate::place::Place;
use crate::tools::debian::{self, Archive};

/// The release whose packages are taken; its compiler is `rust-version` of `workloads/Cargo.toml`.
const SUITE: &str = "trixie";

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
    debian::ensure_possible("compile guests (rustup cannot fetch wasm32-wasip2)")?;
    eprintln!("fetching Debian {SUITE}'s Rust compiler with Wasm targets (about 205 MB, once)");
    let _ = fs::remove_dir_all(&dir);
    debian::unpack(&dir, SUITE, &[Archive::Main], PACKAGES)?;
    write_script(&dir, &script)?;
    run(&mut cmd(&script, ["--version"])).context("Debian's compiler does not start")?;
    Ok(script)
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
