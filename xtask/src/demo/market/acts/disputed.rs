//! A result that its buyer does not want to pay for: decided by evidence.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::{Cast, WEATHER};
use crate::demo::market::announce;
use crate::demo::market::ends::{End, Pays, SUCCEEDED};

/// Upheld: the platform could not keep what the run made.
const UPHELD: End = End { reason: "dispute", class: Some("platform"), pays: Pays::Nobody, exit_code: 11 };

pub(super) fn play(cast: &Cast<'_>) -> Result<()> {
    let buyer = cast.buyer;
    announce("a buyer disputes a sound result, before it is settled: the evidence is shown, and it is paid");
    let job = verified(cast, "40")?;
    buyer.say(&["dispute", &job, "I do not like it"])?;
    buyer.told(&job, &SUCCEEDED)?;
    buyer.ended(&job, &SUCCEEDED)?;

    announce(
        "a buyer disputes a result that the platform's disk has spoilt (the demo changes it there): all comes back",
    );
    let job = verified(cast, "50")?;
    let kept = buyer.results(&job, "spoilt")?.join("model.json");
    spoil(&cast.stage.home.join("server/objects"), &fs::read(&kept)?)?;
    buyer.say(&["dispute", &job, "the digest is wrong"])?;
    buyer.told(&job, &UPHELD)?;
    buyer.ended(&job, &UPHELD).map(|_| ())
}

/// A short run that is over and not yet settled.
fn verified(cast: &Cast<'_>, epochs: &str) -> Result<String> {
    let [job, more @ ..] = WEATHER;
    let epochs = format!("EPOCHS={epochs}");
    let job = cast.buyer.detach(job, &[&more[..], &["--env", &epochs]].concat())?;
    cast.buyer.reaches(&job, "verifying")?;
    Ok(job)
}

/// Changes the one file below a folder that has this content.
fn spoil(folder: &Path, content: &[u8]) -> Result<()> {
    let found = holding(folder, content)?;
    let [file] = found.as_slice() else { anyhow::bail!("{} files hold the result", found.len()) };
    let mut spoilt = content.to_vec();
    let byte = spoilt.first_mut().context("the result is empty")?;
    *byte ^= 1;
    fs::write(file, spoilt)?;
    ensure!(fs::read(file)? != content, "the file did not change");
    Ok(())
}

fn holding(folder: &Path, content: &[u8]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(holding(&path, content)?);
        } else if fs::read(&path)? == content {
            found.push(path);
        }
    }
    Ok(found)
}
