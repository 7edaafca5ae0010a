//! Where things lie: the repository, the cache, the target folder.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders that verbs work with.
pub(crate) struct Place {
    /// The repository root.
    pub(crate) root: PathBuf,
    /// `$XDG_CACHE_HOME/vyr`: everything built or installed that is not cargo's.
    pub(crate) cache: PathBuf,
    /// `$CARGO_TARGET_DIR`, as cargo uses it for the main workspace.
    pub(crate) target: PathBuf,
}

impl Place {
    /// Finds the folders from the environment.
    pub(crate) fn find() -> Result<Self> {
        // told by cargo at run time: clones that share a target folder share this very binary
        let package = env::var_os("CARGO_MANIFEST_DIR").context("start this by `./x` or `cargo xtask`")?;
        let root = Path::new(&package).parent().context("xtask has no parent folder")?.to_owned();
        let base = match env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
            Some(dir) => PathBuf::from(dir),
            None => Path::new(&env::var_os("HOME").context("HOME is not set")?).join(".cache"),
        };
        let target = match env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()) {
            Some(dir) => root.join(dir),
            None => root.join("target"),
        };
        Ok(Self { root, cache: base.join("vyr"), target })
    }

    /// The folder of installed tools.
    pub(crate) fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// The workspace of guest programs.
    pub(crate) fn workloads(&self) -> PathBuf {
        self.root.join("workloads")
    }

    /// The workspace of the escrow program.
    pub(crate) fn escrow(&self) -> PathBuf {
        self.root.join("programs/escrow")
    }

    /// A binary of the main workspace.
    pub(crate) fn binary(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }
}

/// `PATH` with `dirs` before everything else.
pub(crate) fn path_with(dirs: &[PathBuf]) -> Result<OsString> {
    let old = env::var_os("PATH").unwrap_or_default();
    let all = dirs.iter().cloned().chain(env::split_paths(&old));
    env::join_paths(all).context("a tool folder's name holds a colon")
}

/// Whether a program is found on `PATH` (or in the folders that only root's `PATH` has).
pub(crate) fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .any(|dir| dir.join(program).is_file())
}
