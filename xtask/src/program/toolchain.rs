//! A compiler with the BPF target and a linker for the chain, in the cache: Debian's own build of upstream Rust,
//! which brings that target, and `sbpf-linker` built against Debian's LLVM of the same version.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cmd::{cargo, cmd, output, run, succeeds};
use crate::place::Place;
use crate::tools::debian::{self, Archive};

/// The release whose packages are taken; the compiler comes with its security updates.
pub(super) const SUITE: &str = "bookworm";

const LINKER: &str = "0.2.6";

/// The compiler, the libraries for host and chain, LLVM, and the shared libraries that may be missing elsewhere.
const PACKAGES: &[&str] = &[
    "rustc-web",
    "libstd-rust-web-1.96",
    "libstd-rust-web-dev",
    "libstd-rust-web-dev-bpf",
    "libllvm22",
    "llvm-22",
    "llvm-22-dev",
    "zlib1g",
    "libzstd1",
    "libxml2",
    "libedit2",
    "libffi8",
    "libtinfo6",
    "libbsd0",
    "libmd0",
    "liblzma5",
    "libicu72",
    "libz3-4",
];

/// The C library and what belongs to it come from the machine.
const NOT_SHARED: &[&str] = &["libc.", "libm.", "ld-", "libpthread", "libdl", "librt", "libgcc", "libstdc++"];

/// Where the compiler and the linker are.
pub(crate) struct Toolchain {
    dir: PathBuf,
}

impl Toolchain {
    /// The toolchain, if it is there.
    pub(crate) fn find(place: &Place) -> Option<Self> {
        let found = Self { dir: place.tools().join(format!("escrow-{SUITE}-{LINKER}")) };
        let starts = |program: PathBuf| succeeds(&mut cmd(program, ["--version"]));
        (starts(found.compiler()) && starts(found.linker())).then_some(found)
    }

    /// Makes sure of the toolchain.
    pub(crate) fn ensure(place: &Place) -> Result<Self> {
        if let Some(found) = Self::find(place) {
            return Ok(found);
        }
        debian::ensure_possible("build the escrow program")?;
        let toolchain = Self { dir: place.tools().join(format!("escrow-{SUITE}-{LINKER}")) };
        eprintln!("fetching a compiler for the chain (about 200 MB) and building its linker (minutes), once");
        let _ = fs::remove_dir_all(&toolchain.dir);
        debian::unpack(&toolchain.dir, SUITE, &[Archive::Main, Archive::Security], PACKAGES)?;
        toolchain.share_libraries()?;
        toolchain.script("rustc", &toolchain.dir.join("root/usr/bin/rustc"))?;
        run(cmd(toolchain.compiler(), ["--version"]).stdout(std::io::stderr()))
            .context("the compiler does not start: it needs glibc 2.36 or newer")?;
        toolchain.build_linker()?;
        toolchain.script("sbpf-linker", &toolchain.dir.join("linker/bin/sbpf-linker"))?;
        Ok(toolchain)
    }

    /// The script that starts the compiler.
    pub(super) fn compiler(&self) -> PathBuf {
        self.dir.join("rustc")
    }

    /// The script that starts the linker.
    pub(super) fn linker(&self) -> PathBuf {
        self.dir.join("sbpf-linker")
    }

    /// The folder of the libraries that its programs want.
    pub(super) fn libraries(&self) -> PathBuf {
        self.dir.join("lib")
    }

    /// A call of one of LLVM's own programs.
    pub(super) fn llvm(&self, name: &str) -> Command {
        let mut command = cmd::<&str>(self.dir.join("root/usr/lib/llvm-22/bin").join(name), []);
        command.env("LD_LIBRARY_PATH", self.libraries());
        command
    }

    /// What the bytes of a program depend on, besides its source.
    pub(super) fn describe(&self) -> Result<String> {
        let compiler = output(&mut cmd(self.compiler(), ["-vV"]))?;
        let of_target = |line: &&str| !line.starts_with("host:");
        let lines: Vec<_> = compiler.lines().filter(of_target).collect();
        Ok(format!("{}\nsbpf-linker {LINKER}\n", lines.join("\n")))
    }

    /// A folder of links to those libraries that the machine may lack.
    fn share_libraries(&self) -> Result<()> {
        let lib = self.dir.join("lib");
        fs::create_dir_all(&lib)?;
        for sub in ["root/lib", "root/usr/lib"] {
            let from = self.dir.join(sub).join(triplet()?);
            let Ok(entries) = fs::read_dir(from) else { continue };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let ours = name.contains(".so") && !NOT_SHARED.iter().any(|other| name.starts_with(other));
                if ours && !lib.join(&name).exists() {
                    symlink(entry.path(), lib.join(&name))?;
                }
            }
        }
        Ok(())
    }

    fn build_linker(&self) -> Result<()> {
        let llvm = self.dir.join("root/usr/lib/llvm-22");
        let build = self.dir.join("linker-target");
        let args = ["install", "--locked", "--quiet", "--no-default-features", "--root"];
        let mut command = cargo(&self.dir, args);
        command
            .arg(self.dir.join("linker"))
            .args(["--features", "bpf-linker/llvm-22", "--version", LINKER, "sbpf-linker"])
            .env("LLVM_SYS_221_PREFIX", &llvm)
            .env("LIBRARY_PATH", llvm.join("lib"))
            .env("LD_LIBRARY_PATH", self.dir.join("lib"))
            .env("CARGO_TARGET_DIR", &build)
            .env_remove("RUSTFLAGS");
        run(&mut command).context("cannot build the linker")?;
        fs::remove_dir_all(build)?;
        // Half a gigabyte that only the linker's build wanted.
        for entry in fs::read_dir(llvm.join("lib"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "a") {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// A script that starts a program with the libraries of this folder.
    fn script(&self, name: &str, program: &Path) -> Result<()> {
        let lib = self.dir.join("lib");
        let text =
            format!("#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n", lib.display(), program.display());
        let script = self.dir.join(name);
        fs::write(&script, text)?;
        fs::set_permissions(script, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }
}

fn triplet() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("x86_64-linux-gnu"),
        "aarch64" => Ok("aarch64-linux-gnu"),
        other => bail!("no compiler for the chain on {other}"),
    }
}
