//! `cyxwiz-node earnings`: what each attempt brought.

use std::collections::BTreeMap;

use cyxwiz_model::{Coin, Money};
use cyxwiz_proto::v1;
use serde_json::json;

use super::{Context, at};
use crate::args::EarningsArgs;
use crate::error::CliError;
use crate::output;

const PAGE: u32 = 200;

pub(super) async fn run(args: &EarningsArgs, context: &Context) -> Result<(), CliError> {
    let config = context.config()?;
    let server = context.server(&config)?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let (mut earnings, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            v1::ListEarningsRequest { page_size: PAGE.min(args.limit), page_token, ..Default::default() };
        let page = server.earnings(request).await.map_err(at(&config))?;
        earnings.extend(page.earnings);
        page_token = page.next_page_token;
        if page_token.is_empty() || earnings.len() >= limit {
            break;
        }
    }
    earnings.truncate(limit);
    let totals = totals(&earnings);
    if context.json {
        let of = |earning: &v1::Earning| {
            json!({
                "job": earning.job_id, "attempt": earning.attempt_id,
                "ended_at": earning.ended_at.as_option().map(|at| at.seconds),
                "metered_ms": earning.metered_ms, "coin": earning.coin,
                "base_units": earning.base_units.to_string(), "state": earning.state,
                "signature": earning.signature,
            })
        };
        let totals: BTreeMap<_, _> =
            totals.into_iter().map(|(coin, units)| (coin, units.to_string())).collect();
        let list: Vec<_> = earnings.iter().map(of).collect();
        return output::json(&json!({ "earnings": list, "settled_base_units": totals }));
    }
    if earnings.is_empty() {
        return output::line("nothing was earned yet");
    }
    let mut table = output::table(["ENDED", "JOB", "TIME", "EARNED", "STATE"]);
    for earning in &earnings {
        let ended = earning.ended_at.as_option().and_then(|at| jiff::Timestamp::from_second(at.seconds).ok());
        let seconds = earning.metered_ms / 1000;
        table.add_row([
            ended.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default(),
            earning.job_id.clone(),
            format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
            amount(&earning.coin, earning.base_units),
            earning.state.clone(),
        ]);
    }
    output::print(&table)?;
    for (coin, units) in totals {
        output::line(format_args!("settled: {}", amount(&coin, units)))?;
    }
    Ok(())
}

/// What has been settled, by coin.
fn totals(earnings: &[v1::Earning]) -> BTreeMap<String, u64> {
    let mut totals = BTreeMap::new();
    for earning in earnings.iter().filter(|earning| earning.state == "settled") {
        let total: &mut u64 = totals.entry(earning.coin.clone()).or_default();
        *total = total.saturating_add(earning.base_units);
    }
    totals
}

fn amount(coin: &str, base_units: u64) -> String {
    match coin.parse::<Coin>() {
        Ok(coin) => Money::new(coin, base_units).to_string(),
        Err(_) => format!("{base_units} of {coin}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_settled_counts() {
        let earning = |coin: &str, base_units, state: &str| v1::Earning {
            coin: coin.to_owned(),
            base_units,
            state: state.to_owned(),
            ..Default::default()
        };
        let all =
            [earning("USDC", 5, "settled"), earning("USDC", 7, "settled"), earning("SOL", 3, "pending")];
        assert_eq!(totals(&all), BTreeMap::from([("USDC".to_owned(), 12)]));
        assert_eq!(amount("XYZ", 3), "3 of XYZ");
    }
}
