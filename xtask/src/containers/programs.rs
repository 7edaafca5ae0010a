//! The programs of the private engine: installed ones, else Debian's packages unpacked into the cache.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cmd::{cmd, succeeds};
use crate::place::{Place, on_path, path_with};
use crate::tools::apt;
use crate::tools::debian::{self, Archive};

/// The engine, what it starts, and the one library of it that a small system lacks.
const PACKAGES: &[&str] = &["docker.io", "containerd", "runc", "tini", "libdevmapper1.02.1"];

/// How `dockerd` is started.
pub(super) struct Programs {
    pub(super) dockerd: PathBuf,
    pub(super) path: OsString,
    /// Where its one library lies, if not in the system.
    pub(super) libraries: Option<PathBuf>,
}

impl Programs {
    pub(super) fn ensure(place: &Place) -> Result<Self> {
        apt::ensure(apt::FOR_CONTAINERS)?;
        let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
        if on_path("dockerd") {
            let path = path_with(&system)?;
            return Ok(Self { dockerd: "dockerd".into(), path, libraries: None });
        }
        let root = unpacked(place)?;
        let [sbin, bin] = ["usr/sbin", "usr/bin"].map(|dir| root.join(dir));
        let mut dirs = vec![sbin.clone(), bin];
        dirs.extend(system);
        let libraries = root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
        Ok(Self { dockerd: sbin.join("dockerd"), path: path_with(&dirs)?, libraries: Some(libraries) })
    }
}

fn unpacked(place: &Place) -> Result<PathBuf> {
    let purpose = "start a container engine: install Docker or Podman and start it";
    debian::ensure_possible(purpose)?;
    let suite = debian::codename().context(purpose)?;
    let dir = place.tools().join(format!("docker-{suite}"));
    let (root, whole) = (dir.join("root"), dir.join("whole"));
    if whole.exists() && root.join("usr/sbin/dockerd").is_file() {
        return Ok(root);
    }
    eprintln!("fetching Debian {suite}'s container engine (about 60 MB, once)");
    let _ = fs::remove_dir_all(&dir);
    debian::unpack(&dir, &suite, &[Archive::Main], PACKAGES)?;
    flatten(&root)?;
    fs::write(whole, "")?;
    Ok(root)
}

/// Puts libraries of packages that still ship `/lib` where those of the others are.
fn flatten(root: &Path) -> Result<()> {
    if root.join("lib").is_dir() {
        let from = format!("{}/.", root.join("lib").display());
        fs::create_dir_all(root.join("usr/lib"))?;
        if !succeeds(cmd("cp", ["-a", &from]).arg(root.join("usr/lib"))) {
            anyhow::bail!("cannot copy `{from}`");
        }
    }
    Ok(())
}
