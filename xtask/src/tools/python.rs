//! Python environments in the cache, one a requirements file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure as ensure_that};

use super::apt;
use crate::cmd::{cmd, output, run, succeeds};
use crate::place::Place;

/// The environment that the tests use.
pub(crate) struct TestPython {
    /// The interpreter.
    pub(crate) python: PathBuf,
    /// A real OTLP receiver, shipped inside a Python package.
    pub(crate) rotel: PathBuf,
}

/// Makes sure of the test environment.
pub(crate) fn for_tests(place: &Place) -> Result<TestPython> {
    let venv = ensure(place, "tests")?;
    let python = venv.join("bin/python");
    let find = "import os, rotel; print(os.path.join(os.path.dirname(rotel.__file__), 'rotel-agent'))";
    let found = output(&mut cmd(&python, ["-c", find]))?;
    let rotel = PathBuf::from(found.trim());
    if !rotel.is_file() {
        bail!("the package `rotel` has no `{}`", rotel.display());
    }
    // it is linked with the interpreter's library, which a small Debian does not bring with the interpreter
    let starts = || succeeds(&mut cmd(&rotel, ["--version"]));
    if !starts() {
        let version = "import sys; print('%d.%d' % sys.version_info[:2])";
        let version = output(&mut cmd(&python, ["-c", version]))?;
        let library = format!("libpython{}", version.trim());
        apt::install(&[&library])?;
        ensure_that!(starts(), "`{}` does not start, though {library} was installed", rotel.display());
    }
    Ok(TestPython { python, rotel })
}

/// Makes sure of the environment of `xtask/requirements/NAME.txt` and returns its folder.
///
/// A copy of the requirements is written last: an interrupted or outdated environment is made anew.
pub(crate) fn ensure(place: &Place, name: &str) -> Result<PathBuf> {
    let wanted = place.root.join(format!("xtask/requirements/{name}.txt"));
    let text = fs::read_to_string(&wanted).with_context(|| format!("cannot read `{}`", wanted.display()))?;
    let venv = place.tools().join(format!("python-{name}"));
    let stamp = venv.join("requirements.txt");
    let fresh = fs::read_to_string(&stamp).is_ok_and(|have| have == text);
    if fresh && succeeds(&mut cmd(venv.join("bin/python"), ["-c", ""])) {
        return Ok(venv);
    }
    eprintln!("installing Python packages into {}", venv.display());
    create(&venv, &wanted)?;
    fs::write(&stamp, text)?;
    Ok(venv)
}

fn create(venv: &Path, requirements: &Path) -> Result<()> {
    run(cmd("python3", ["-m", "venv", "--clear"]).arg(venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--only-binary=:all:", "-r"];
    run(cmd(venv.join("bin/python"), pip).arg(requirements))
}
