//! `./x dist`: release binaries in `dist/bin`, a tarball and its checksum; the tarball is tried in a container
//! that has no Rust.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cmd::{cargo, cmd, output, run as run_command};
use crate::containers::{self, api};
use crate::guests;
use crate::images::{self, Image};
use crate::place::Place;

/// Every binary that users get, and its profile. The fabric's runs beside everything else and is small for it; the
/// market's are as `./x demo market` and `./x bench market` build them.
const BINARIES: [(&str, &str); 4] =
    [("vyr", "dist"), ("cyxwiz", "release"), ("cyxwiz-node", "release"), ("cyxwiz-server", "release")];

/// What lies beside the binaries, where present.
const DOCUMENTS: &[&str] = &["LICENSE", "README.md", "CHANGELOG.md"];

pub(crate) fn run(place: &Place) -> Result<()> {
    fabric(place)?;
    market(place, true)?;

    let version = env!("CARGO_PKG_VERSION");
    let name = format!("vyr-{version}-{}-linux", std::env::consts::ARCH);
    let dist = place.root.join("dist");
    let stage = dist.join(&name);
    let _ = fs::remove_dir_all(&dist);
    for dir in [dist.join("bin"), stage.join("bin")] {
        fs::create_dir_all(&dir)?;
        for (name, profile) in BINARIES {
            copy(&place.binary(profile, name), &dir.join(name))?;
        }
    }
    for document in DOCUMENTS {
        let from = place.root.join(document);
        if from.is_file() {
            copy(&from, &stage.join(document))?;
        }
    }
    pack(&dist, &name)?;
    fs::remove_dir_all(&stage)?;
    try_out(place, &dist, &name).context("the tarball does not run on a machine without Rust")?;
    println!("{}", dist.join(format!("{name}.tar.gz")).display());
    for (name, _) in BINARIES {
        if let Some(glibc) = needed_glibc(&dist.join("bin").join(name)) {
            eprintln!("{name} needs glibc {glibc} or newer");
        }
    }
    Ok(())
}

/// Builds the node and its command line as they are shipped: what `./x bench` measures.
pub(crate) fn fabric(place: &Place) -> Result<()> {
    let args = ["rustc", "--profile", "dist", "--locked", "--package", "vyr-cli", "--bin", "vyr"];
    let mut build = cargo(&place.root, args);
    build.args(["--features", "shipped", "--"]);
    // rustc's own linker folds functions that came out the same; others do not know how
    if cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        build.arg("-Clink-arg=-Wl,--icf=all");
    }
    run_command(&mut build)
}

/// Builds the market's server, node and command line, all three at once: each with the same features.
pub(crate) fn market(place: &Place, release: bool) -> Result<()> {
    let packages = ["-p", "cyxwiz-server", "-p", "cyxwiz-node", "-p", "cyxwiz-engine"];
    let mut build = cargo(&place.root, ["build", "--locked"]);
    build.args(packages).args(release.then_some("--release"));
    run_command(&mut build)
}

/// The same inputs give the same bytes: fixed order, owner and time.
fn pack(dist: &Path, name: &str) -> Result<()> {
    let archive = format!("{name}.tar.gz");
    let time = output(cmd("git", ["log", "-1", "--format=%ct"]).current_dir(dist))
        .unwrap_or_else(|_| "0".to_owned());
    let mtime = format!("--mtime=@{}", time.trim());
    let tar = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", &mtime];
    run_command(cmd("tar", tar).args(["-I", "gzip -9n", "-cf", &archive, name]).current_dir(dist))?;
    let sum = output(cmd("sha256sum", [&archive]).current_dir(dist))?;
    fs::write(dist.join(format!("{archive}.sha256")), sum).context("cannot write the checksum")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy `{}`", from.display()))
}

/// Unpacks the tarball in a container that has no Rust and runs what is in it, as steps of an image's build.
fn try_out(place: &Place, dist: &Path, name: &str) -> Result<()> {
    eprintln!("trying the tarball in a container without Rust");
    let guest = guests::build(place)?.join("echo.wasm");
    let held = containers::ensure(place)?;
    let base = images::ensure(place, &held.engine, Image::Python, false)?.tag;
    let dir = place.cache.join(format!("dist-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let dockerfile = format!(
        "FROM {base}\nUSER root\nENV HOME=/root\nCOPY {name}.tar.gz echo.wasm /try/\nWORKDIR /try\n\
         RUN ! command -v rustc && ! command -v cargo\n\
         RUN tar -xzf {name}.tar.gz --strip-components=1\n\
         RUN for name in bin/*; do $name --version || exit 1; done\n\
         RUN test \"$(echo something | bin/vyr run echo.wasm)\" = something\n"
    );
    fs::write(dir.join("Dockerfile"), dockerfile)?;
    fs::copy(guest, dir.join("echo.wasm"))?;
    copy(&dist.join(format!("{name}.tar.gz")), &dir.join(format!("{name}.tar.gz")))?;
    let context = dir.join("context.tar");
    let files = ["Dockerfile", "echo.wasm", &format!("{name}.tar.gz")];
    run_command(cmd("tar", ["-C"]).arg(&dir).arg("-cf").arg(&context).args(files))?;
    let tried = api::build(&held.engine, &context, "vyr-dist:tried", &[]);
    fs::remove_dir_all(dir)?;
    tried
}

/// The newest glibc version that the binary's symbols name; nothing where `objdump` is absent.
fn needed_glibc(binary: &Path) -> Option<String> {
    let symbols = output(cmd("objdump", ["-T"]).arg(binary)).ok()?;
    let numbers =
        |version: &str| -> Vec<u32> { version.split('.').filter_map(|part| part.parse().ok()).collect() };
    symbols
        .split("(GLIBC_")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .max_by_key(|version| numbers(version))
        .map(str::to_owned)
}
