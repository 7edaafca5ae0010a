//! Numbers side by side: what the CLI says and what the chain has.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::buyer::Buyer;
use super::chain::Chain;
use super::json::{list, number, text};
use super::seller::Seller;

/// What the buyer pays in, base units.
const PAID_IN: u64 = 5_000_000;

/// An amount as people read it, all six decimals.
pub(super) fn usdc(base_units: u64) -> String {
    format!("{}.{:06}", base_units / 1_000_000, base_units % 1_000_000)
}

/// What must have moved from or to somebody.
pub(super) struct Row {
    pub(super) who: &'static str,
    /// What the CLI calls it.
    pub(super) said: &'static str,
    pub(super) amount: u64,
    /// It went away from him.
    pub(super) out: bool,
}

impl Row {
    /// Prints both, and holds one against the other.
    pub(super) fn compare(&self, before: u64, after: u64) -> Result<()> {
        let (sign, from, to) = if self.out { ('-', after, before) } else { ('+', before, after) };
        let moved = to.checked_sub(from);
        let shown =
            moved.map_or_else(|| "the wrong way".to_owned(), |moved| format!("{sign}{}", usdc(moved)));
        let (said, amount) = (self.said, usdc(self.amount));
        println!("{:<20}{:>14}{:>14}{shown:>14}   {amount} {said}", self.who, usdc(before), usdc(after));
        ensure!(moved == Some(self.amount), "{}: the chain moved {shown}, the CLI said {amount}", self.who);
        Ok(())
    }
}

/// What seller and platform had before anybody was paid, as the chain has it.
pub(super) struct Books {
    seller: u64,
    treasury: u64,
}

impl Books {
    pub(super) fn open(chain: &Chain) -> Result<Self> {
        Ok(Self { seller: chain.tokens("seller")?, treasury: chain.tokens("treasury")? })
    }

    /// Shows every job, and compares the sums of what was said with what the chain has.
    pub(super) fn close(&self, chain: &Chain, buyer: &Buyer<'_>, seller: &Seller<'_>) -> Result<()> {
        buyer.say(&["jobs"])?;
        buyer.say(&["wallet", "history", "--limit", "100"])?;
        seller.say(&["earnings"])?;
        let jobs = buyer.json(&["jobs"])?;
        let sum = |part: &str| -> Result<u64> {
            let jobs = list(&jobs, "/jobs")?.iter();
            let completed = jobs.filter(|job| job.get("state").and_then(Value::as_str) == Some("completed"));
            completed.map(|job| number(job, &format!("/cost/{part}/base_units"))).sum()
        };
        let (charged, node, platform) = (sum("charged")?, sum("node")?, sum("platform")?);
        let earned = seller.json(&["earnings"])?;
        let settled = number(&earned, "/settled_base_units/USDC")?;
        ensure!(settled == node, "the seller's agent says {settled}, the buyer's jobs {node}");
        for earning in list(&earned, "/earnings")? {
            let paid = text(earning, "/state")? == "settled";
            ensure!(paid || number(earning, "/base_units")? == 0, "paid and not settled: {earning}");
        }
        let (free, locked) = buyer.balance()?;
        ensure!(locked == 0, "{locked} base units are still behind jobs");
        println!(
            "\n{:<20}{:>14}{:>14}{:>14}   the CLIs said",
            "USDC on the chain", "before", "after", "moved"
        );
        let row = |who, said, amount, out| Row { who, said, amount, out };
        row("buyer, free", "charged (cyxwiz jobs)", charged, true).compare(PAID_IN, free)?;
        row("seller's wallet", "settled (cyxwiz-node earnings)", settled, false)
            .compare(self.seller, chain.tokens("seller")?)?;
        row("treasury", "to the platform (cyxwiz jobs)", platform, false)
            .compare(self.treasury, chain.tokens("treasury")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_is_what_was_said() {
        let row = Row { who: "a", said: "b", amount: 28, out: true };
        assert!(row.compare(100, 72).is_ok());
        assert!(row.compare(100, 73).is_err() && row.compare(72, 100).is_err());
        assert!(Row { out: false, ..row }.compare(72, 100).is_ok());
        assert_eq!(usdc(5_000_028), "5.000028");
    }
}
