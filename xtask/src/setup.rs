//! `./x setup`: everything that the other verbs would install when first asked for.

use anyhow::Result;

use crate::containers;
use crate::guests;
use crate::images::{self, Image};
use crate::place::Place;
use crate::tools::{apt, npm, python, rust};

pub(crate) fn run(place: &Place) -> Result<()> {
    apt::ensure(apt::FOR_TESTS)?;
    apt::ensure_static_busybox()?;
    let helpers = rust::helpers(place)?;
    let buf = npm::buf(place)?;
    let python = python::for_tests(place)?;
    let guests = guests::build(place)?;
    let held = containers::ensure(place)?;
    let image = images::ensure(place, &held.engine, Image::Python, false)?;
    for (what, path) in [
        ("cargo helpers", &helpers),
        ("buf", &buf),
        ("python", &python.python),
        ("guests", &guests),
        ("target", &place.target),
    ] {
        println!("{what:<14} {}", path.display());
    }
    println!("{:<14} {}", "job image", image.tag);
    Ok(())
}
