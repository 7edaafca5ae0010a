//! File trees of distributions, for installs on other machines than this one: Debian's releases, which every mirror has.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cmd::{cmd, run};
use crate::place::Place;
use crate::tools::apt;
use crate::tools::debian::{self, Archive, KEYRING};

/// The releases that are maintained, and what becomes the next.
const SUITES: &[&str] = &["bookworm", "trixie", "sid"];
/// Left out: nobody reads them there.
const LEFT_OUT: &[&str] =
    &["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"];

/// Makes sure of the file trees, each what the release calls essential.
pub(crate) fn ensure(place: &Place) -> Result<Vec<PathBuf>> {
    SUITES.iter().map(|suite| tree(place, suite)).collect()
}

fn tree(place: &Place, suite: &str) -> Result<PathBuf> {
    let folder = place.cache.join("distributions");
    let (dir, part) = (folder.join(suite), folder.join(format!("{suite}.part")));
    if dir.is_dir() {
        return Ok(dir);
    }
    apt::ensure(apt::FOR_IMAGES)?;
    debian::ensure_possible("make a file tree of a Debian")?;
    eprintln!("making a file tree of Debian {suite}; once");
    let _ = fs::remove_dir_all(&part);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let mut command = cmd("mmdebstrap", ["--quiet", "--variant=essential"]);
    // a mirror that is behind has a release, too; its signature is checked all the same
    command.arg("--aptopt=Acquire::Check-Valid-Until \"false\"");
    for path in LEFT_OUT {
        command.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    command.arg("--customize-hook=rm -rf \"$1\"/var/lib/apt/lists/* \"$1\"/var/cache/*");
    command.arg(suite).arg(&part);
    command.arg(format!("deb [signed-by={KEYRING}] {} {suite} main", Archive::Main.mirror()?));
    run(command.stdout(std::io::stderr())).with_context(|| format!("cannot make the tree of {suite}"))?;
    // a half one has never the name
    fs::rename(&part, &dir)?;
    Ok(dir)
}
