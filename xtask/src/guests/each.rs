//! The guests by every compiler that this machine has: the second one would otherwise be tried first by whoever needs it.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Result, anyhow, ensure};

use super::build::build_by;
use super::route::Route;
use crate::cmd::{cmd, output};
use crate::place::Place;
use crate::steps::Done;

/// A component with everything that the workloads use, and a core module.
const RUN: &[&str] = &["event-transform.wasm", "echo.p1.wasm"];

/// Builds them by each route, and has the same guests of each say the same.
pub(crate) fn check(place: &Place, vyr: &Path) -> Result<Done> {
    fs::create_dir_all(place.tools())?;
    let home = std::env::temp_dir().join(format!("vyr-guests-{}", std::process::id()));
    let (mut said, mut missing) = (Vec::new(), Vec::new());
    for (name, route) in Route::each(place)? {
        let route = match route {
            Ok(route) => route,
            Err(error) => {
                missing.push(format!("not by the {name} route: {error:#}"));
                continue;
            }
        };
        let guests = place.cache.join("guests-by-route").join(name);
        build_by(place, &route, &place.cache.join(format!("guests-target-{name}")), &guests)?;
        said.push((name, run(place, vyr, &home, &guests)?));
    }
    fs::remove_dir_all(&home)?;
    let (first, others) = said.split_first().ok_or_else(|| anyhow!("{}", missing.join("; ")))?;
    for (name, words) in others {
        ensure!(
            *words == first.1,
            "guests of the {name} route say otherwise than those of the {} one",
            first.0
        );
    }
    Ok(if missing.is_empty() { Done::Passed } else { Done::Noted(missing.join("; ")) })
}

/// What each guest says of the weather.
fn run(place: &Place, vyr: &Path, home: &Path, guests: &Path) -> Result<Vec<String>> {
    let data = place.workloads().join("data/seattle-weather-2015.jsonl");
    let say = |guest: &&str| {
        let mut command = cmd(vyr, ["run"]);
        command
            .arg("--out")
            .arg(home.join("out"))
            .arg(guests.join(guest))
            .env("VYR_HOME", home)
            .stdin(File::open(&data)?);
        let said = output(&mut command)?;
        ensure!(!said.is_empty(), "`{guest}` says nothing");
        Ok(said)
    };
    RUN.iter().map(say).collect()
}
