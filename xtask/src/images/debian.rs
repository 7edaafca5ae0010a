//! The route without a registry: a file tree by mmdebstrap, Python packages by pip, imported by the engine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::recipe::Recipe;
use crate::cmd::{cmd, run};
use crate::containers::{Engine, api};
use crate::place::Place;
use crate::tools::apt;
use crate::tools::debian::{self, Archive, KEYRING};

/// The release; its Python is the one for which packages are fetched.
const SUITE: &str = "trixie";
const PYTHON: &str = "3.13";

/// Left out of the packages: nobody reads them in a job.
const LEFT_OUT: &[&str] = &[
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
];
/// Where pip's packages go: before Debian's on Python's path.
const SITE: &str = "usr/local/lib/python3.13/dist-packages";

/// An empty folder for the making of an image.
pub(super) fn work_folder(place: &Place, recipe: &Recipe) -> Result<PathBuf> {
    let dir = place.cache.join("images").join(format!("{}-{}", recipe.name, std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
    Ok(dir)
}

pub(super) fn make(place: &Place, engine: &Engine, recipe: &Recipe, tag: &str) -> Result<()> {
    apt::ensure(apt::FOR_IMAGES)?;
    debian::ensure_possible("make an image of Debian's packages")?;
    let dir = work_folder(place, recipe)?;
    let made = tree(&dir, recipe).and_then(|tar| {
        let (repo, version) = tag.split_once(':').context("a tag has a version")?;
        let environment =
            "ENV PATH=/usr/local/bin:/usr/bin:/bin PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1";
        api::import(engine, &tar, repo, version, &[environment.to_owned()])
    });
    let _ = fs::remove_dir_all(dir);
    made
}

/// Makes the tar of the file tree.
fn tree(dir: &Path, recipe: &Recipe) -> Result<PathBuf> {
    let tar = dir.join("tree.tar");
    let mut command = cmd("mmdebstrap", ["--quiet", "--variant=essential"]);
    command.arg(format!("--include={}", recipe.lines("debian.txt").join(",")));
    for path in LEFT_OUT {
        command.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    // the image is the job's own environment, so pip may install there
    command.arg("--customize-hook=rm -f \"$1\"/usr/lib/python3*/EXTERNALLY-MANAGED");
    command.arg("--customize-hook=rm -rf \"$1\"/var/lib/apt/lists/* \"$1\"/var/cache/*");
    command.arg("--customize-hook=ln -sf python3 \"$1\"/usr/bin/python");
    if !recipe.lines("requirements.txt").is_empty() {
        let site = pip(dir, recipe)?;
        command.arg(format!("--customize-hook=mkdir -p \"$1\"/{SITE}"));
        command.arg(format!("--customize-hook=cp -a '{}/.' \"$1\"/{SITE}/", site.display()));
    }
    command.arg(SUITE).arg(&tar);
    command.arg(format!("deb [signed-by={KEYRING}] {} {SUITE} main", Archive::Main.mirror()?));
    run(command.stdout(std::io::stderr())).context("cannot make the file tree")?;
    Ok(tar)
}

/// Fetches what Debian has not, for the image's Python whatever this machine's is.
fn pip(dir: &Path, recipe: &Recipe) -> Result<PathBuf> {
    let site = dir.join("site");
    let mut command =
        cmd("python3", ["-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:"]);
    command.args(["--python-version", PYTHON, "--implementation", "cp", "--target"]).arg(&site);
    command.arg("-r").arg(recipe.dir.join("requirements.txt"));
    // what is installed here is no part of the image, and pip's talk about it of no use
    command
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .stdout(std::io::stderr())
        .stderr(std::process::Stdio::null());
    let line = "`pip install` of the image's requirements.txt";
    run(&mut command).with_context(|| format!("{line} failed: try it by hand to see why"))?;
    Ok(site)
}
