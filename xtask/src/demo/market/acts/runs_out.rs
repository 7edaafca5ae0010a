//! A job whose deposit runs out.

use anyhow::{Result, ensure};

use super::cancelled::delivered;
use super::{Cast, WEATHER};
use crate::demo::market::announce;
use crate::demo::market::ends::{End, Pays};

/// Stopped by its money: all of the deposit is paid.
const SPENT: End = End { reason: "budget", class: None, pays: Pays::Deposit, exit_code: 12 };

pub(super) fn play(cast: &Cast<'_>) -> Result<()> {
    let buyer = cast.buyer;
    announce(
        "a job with money for six seconds: it is asked to stop when that is spent, and delivers what it has made",
    );
    let [job, more @ ..] = WEATHER;
    // five cents an hour: 0.000084 USDC are six seconds
    let more = [&more[..], &["--env", "PAUSE=0.1", "--deposit", "0.000084"]].concat();
    let job = buyer.submit(job, &more, &SPENT)?;
    let split = buyer.ended(&job, &SPENT)?;
    ensure!(split.charged == 84, "{} base units were charged", split.charged);
    delivered(cast, &job, "spent")
}
