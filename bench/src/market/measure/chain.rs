use anyhow::{Context as _, Result};
use e2e::market::jobs;
use serde::Serialize;
use serde_json::Value;

use crate::market::lab::Lab;

/// What a job costs on the chain, by coin.
#[derive(Serialize)]
pub(crate) struct Chain {
    pub(crate) jobs: Vec<Job>,
}

/// A job's transactions.
#[derive(Serialize)]
pub(crate) struct Job {
    pub(crate) coin: String,
    pub(crate) signatures: usize,
    pub(crate) fees: u64,
    /// Compute units of each instruction of the escrow program, with what it calls: open, assign, settle.
    pub(crate) units: Vec<u64>,
    /// The same of each whole transaction.
    pub(crate) whole_units: Vec<u64>,
    /// The most that accounts of the job held for their rent, lamports.
    pub(crate) locked: u64,
    /// What of it is not back at the end.
    pub(crate) kept: u64,
    /// What stayed of the coin's first job ever: accounts in which node and platform hold tokens, theirs for good.
    pub(crate) kept_first: u64,
}

pub(crate) fn chain(lab: &Lab) -> Result<Chain> {
    let platform = lab.platform(&["--dispute-window-seconds=1"]);
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    let mut told = Vec::new();
    for (coin, deposit) in [("USDC", "1"), ("SOL", "0.1")] {
        buyer.ok(&["wallet", "deposit", deposit, coin]);
        let folder = jobs::script(&platform, coin, jobs::SUM);
        let run = || {
            let job = buyer.submit(&folder, &["--image", "python", "--coin", coin]);
            buyer.reaches(&job, &["completed"]);
            read(coin, &platform.program(), &platform.transactions(&job))
        };
        let first = run()?;
        told.push(Job { kept_first: first.kept, ..run()? });
    }
    Ok(Chain { jobs: told })
}

fn read(coin: &str, program: &str, transactions: &[Value]) -> Result<Job> {
    let (mut signatures, mut fees, mut units, mut whole_units) = (0, 0, Vec::new(), Vec::new());
    let consumed = format!("Program {program} consumed ");
    for transaction in transactions {
        let signed = transaction.pointer("/transaction/signatures").and_then(Value::as_array);
        signatures += signed.context("a transaction without signatures")?.len();
        fees += number(transaction, "/meta/fee")?;
        whole_units.push(number(transaction, "/meta/computeUnitsConsumed")?);
        let log = transaction.pointer("/meta/logMessages").and_then(Value::as_array);
        let words = log.context("a transaction without a log")?.iter().filter_map(Value::as_str);
        let told = words.filter_map(|line| line.strip_prefix(&consumed)?.split(' ').next()?.parse().ok());
        units.extend(told.collect::<Vec<u64>>());
    }
    let [locked, kept] = locked(transactions)?;
    Ok(Job { coin: coin.to_owned(), signatures, fees, units, whole_units, locked, kept, kept_first: 0 })
}

/// Lamports of the accounts that were made for the job: the most at one time, and in the end.
fn locked(transactions: &[Value]) -> Result<[u64; 2]> {
    let mut held: std::collections::BTreeMap<String, u64> = Default::default();
    let mut most = 0;
    for transaction in transactions {
        let keys = transaction.pointer("/transaction/message/accountKeys").and_then(Value::as_array);
        let before = transaction.pointer("/meta/preBalances").and_then(Value::as_array);
        let after = transaction.pointer("/meta/postBalances").and_then(Value::as_array);
        let (keys, before, after) =
            (keys.context("no keys")?, before.context("no balances")?, after.context("no balances")?);
        for ((key, before), after) in keys.iter().zip(before).zip(after) {
            let (key, before, after) =
                (key.as_str().unwrap_or_default(), before.as_u64().unwrap_or(0), after.as_u64().unwrap_or(0));
            // made by one of these transactions
            if held.contains_key(key) || (before == 0 && after > 0) {
                held.insert(key.to_owned(), after);
            }
        }
        most = most.max(held.values().sum());
    }
    Ok([most, held.values().sum()])
}

fn number(transaction: &Value, pointer: &str) -> Result<u64> {
    transaction.pointer(pointer).and_then(Value::as_u64).with_context(|| format!("no `{pointer}`"))
}
