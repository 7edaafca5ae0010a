//! How a job must end, as "Who pays" of the design has it. Pure.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::json::{list, number, text};

/// Of each paid amount the node gets so many ten-thousandths.
const NODE_BPS: u128 = 9000;
const HOUR_MS: u128 = 3_600_000;

/// Who pays for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pays {
    /// The buyer, for what was metered.
    Metered,
    /// The buyer, all that was set aside.
    Deposit,
    /// Nobody: everything came back.
    Nobody,
}

/// How a job must have ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) reason: &'static str,
    /// Whose fault it was, where it was somebody's.
    pub(super) class: Option<&'static str>,
    pub(super) pays: Pays,
    /// What the CLI's shell sees.
    pub(super) exit_code: i32,
}

/// It did what it should.
pub(super) const SUCCEEDED: End = End { reason: "succeeded", class: None, pays: Pays::Metered, exit_code: 0 };

/// Where a job's deposit went, base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) deposit: u64,
    pub(super) charged: u64,
    pub(super) node: u64,
    pub(super) platform: u64,
    pub(super) refund: u64,
}

/// Compares a job, as `cyxwiz show -o json` has it, with how it must have ended.
pub(super) fn check(job: &Value, end: &End) -> Result<Split> {
    let state = if end.pays == Pays::Nobody { "refunded" } else { "completed" };
    ensure!(text(job, "/state")? == state, "it is {}, not {state}", text(job, "/state")?);
    let (reason, class) =
        (text(job, "/ending/reason")?, job.pointer("/ending/class").and_then(Value::as_str));
    ensure!(reason == end.reason, "it ended by `{reason}`, not by `{}`", end.reason);
    ensure!(class == end.class, "the fault is {class:?}, not {:?}", end.class);
    let amount = |part: &str| number(job, &format!("/cost/{part}/base_units"));
    let split = Split {
        deposit: amount("deposit")?,
        charged: amount("charged")?,
        node: amount("node")?,
        platform: amount("platform")?,
        refund: amount("refund")?,
    };
    let (rate, ran) = (number(job, "/rate/base_units")?, number(job, "/cost/metered_ms")?);
    let wanted = owed(end.pays, split.deposit, rate, ran)?;
    ensure!(split == wanted, "the money went as {split:?}, not as {wanted:?}");
    Ok(split)
}

/// What the rule gives: `charged = min(⌊rate × time⌋, deposit)`, nine tenths of it to the node, the rest back.
fn owed(pays: Pays, deposit: u64, rate: u64, ran_ms: u64) -> Result<Split> {
    let metered = u64::try_from(u128::from(rate) * u128::from(ran_ms) / HOUR_MS).unwrap_or(u64::MAX);
    let charged = match pays {
        Pays::Metered => metered.min(deposit),
        Pays::Deposit => deposit,
        Pays::Nobody => 0,
    };
    let node = u64::try_from(u128::from(charged) * NODE_BPS / 10_000).unwrap_or(u64::MAX);
    let rest = |from: u64, part: u64| from.checked_sub(part).context("a part is more than the whole");
    Ok(Split { deposit, charged, node, platform: rest(charged, node)?, refund: rest(deposit, charged)? })
}

/// Compares with what the chain tells of the job's escrow, as `cyxwiz wallet history -o json` has it: it was opened
/// once and closed once, by the same amounts.
pub(super) fn compare(history: &Value, job: &str, split: &Split) -> Result<()> {
    let mut of_job = Vec::new();
    for entry in list(history, "")? {
        let events = list(entry, "/events")?.iter();
        of_job.extend(events.filter(|event| event.get("job").and_then(Value::as_str) == Some(job)));
    }
    let named = |name: &str| -> Vec<&&Value> {
        of_job.iter().filter(|event| event.get("event").and_then(Value::as_str) == Some(name)).collect()
    };
    let opened = named("opened");
    let [opened] = opened.as_slice() else {
        anyhow::bail!("the escrow of {job} was opened {} times", opened.len())
    };
    ensure!(number(opened, "/deposit")? == split.deposit, "another deposit was locked: {opened}");
    match (named("settled").as_slice(), named("given_back").as_slice()) {
        ([settled], []) => {
            let told =
                (number(settled, "/node")?, number(settled, "/platform")?, number(settled, "/refund")?);
            let said = (split.node, split.platform, split.refund);
            ensure!(told == said, "the chain paid {told:?}, the market says {said:?}");
        }
        ([], [back]) => {
            let told = number(back, "/base_units")?;
            ensure!(told == split.refund && split.charged == 0, "the chain gave {told} back, not {split:?}");
        }
        (settled, back) => {
            anyhow::bail!(
                "the escrow of {job} was settled {} and given back {} times",
                settled.len(),
                back.len()
            )
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(state: &str, reason: &str, parts: [u64; 5]) -> Value {
        let money = |units: u64| json!({ "coin": "USDC", "decimals": 6, "base_units": units.to_string() });
        let [deposit, charged, node, platform, refund] = parts;
        json!({
            "state": state, "rate": money(50_000),
            "ending": { "reason": reason, "class": null },
            "cost": { "deposit": money(deposit), "charged": money(charged), "node": money(node),
                "platform": money(platform), "refund": money(refund), "metered_ms": 2_050 },
        })
    }

    #[test]
    fn a_job_that_did_well_is_paid_for_its_time() {
        let split = check(&job("completed", "succeeded", [8334, 28, 25, 3, 8306]), &SUCCEEDED).unwrap();
        assert_eq!(split.charged, 28);
    }

    #[test]
    fn a_unit_more_or_another_end_is_an_error() {
        for wrong in [
            job("completed", "succeeded", [8334, 29, 26, 3, 8305]),
            job("completed", "succeeded", [8334, 28, 26, 2, 8306]),
            job("completed", "timeout", [8334, 28, 25, 3, 8306]),
            job("refunded", "succeeded", [8334, 0, 0, 0, 8334]),
        ] {
            assert!(check(&wrong, &SUCCEEDED).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_budget_takes_the_deposit_and_no_more() {
        let end = End { reason: "budget", class: None, pays: Pays::Deposit, exit_code: 12 };
        assert!(check(&job("completed", "budget", [20, 20, 18, 2, 0]), &end).is_ok());
    }

    #[test]
    fn the_chain_must_say_the_same_once() {
        let opened = json!({ "events": [{ "event": "opened", "job": "job_1", "deposit": "8334" }] });
        let settled = json!({ "events": [{ "event": "settled", "job": "job_1", "node": "25", "platform": "3", "refund": "8306" }] });
        let split = Split { deposit: 8334, charged: 28, node: 25, platform: 3, refund: 8306 };
        assert!(compare(&json!([settled, opened]), "job_1", &split).is_ok());
        for wrong in [json!([opened]), json!([settled, settled, opened]), json!([settled])] {
            assert!(compare(&wrong, "job_1", &split).is_err(), "{wrong}");
        }
        assert!(compare(&json!([settled, opened]), "job_1", &Split { node: 24, ..split }).is_err());
    }
}
