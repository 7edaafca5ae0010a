//! A job that fails by its own fault.

use anyhow::{Result, ensure};

use super::{Cast, WEATHER};
use crate::cmd::succeeds;
use crate::demo::market::announce;
use crate::demo::market::ends::{End, Pays};

const FAILED: End = End { reason: "exit", class: Some("user"), pays: Pays::Nobody, exit_code: 10 };

pub(super) fn play(cast: &Cast<'_>) -> Result<()> {
    let buyer = cast.buyer;
    announce(
        "a job fails by its own fault (no number of epochs): nobody is paid, and its results are withheld",
    );
    let [job, more @ ..] = WEATHER;
    let job = buyer.submit(job, &[&more[..], &["--env", "EPOCHS=many"]].concat(), &FAILED)?;
    ensure!(!succeeds(&mut buyer.command(&["results", &job, "--list"])), "its results were given");
    buyer.ended(&job, &FAILED).map(|_| ())
}
