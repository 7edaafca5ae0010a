//! Whether a second node says the same as the first: one that lies about a deposit is found before any more follows.

use std::time::Duration;

use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::escrow::policy::Amount;
use cyxwiz_chain::{Coin, Ledger as _, Level, Money};
use solana_signature::Signature;
use tokio::time::{Instant, sleep};

use super::balance::Holding;
use crate::context::{Chain, Witness};
use crate::error::CliError;

/// Between two looks.
const POLL: Duration = Duration::from_millis(400);

/// Waits until the witness has seen the transaction land, and both tell the same of what is there now.
pub(super) async fn agree(
    chain: &Chain,
    witness: &Witness,
    signature: Signature,
    owner: &Address,
    coin: Coin,
) -> Result<Holding, CliError> {
    let start = Instant::now();
    let (url, other) = (&chain.network.url, &witness.url);
    while !landed(witness, &signature).await? {
        if start.elapsed() > witness.wait {
            return Err(CliError::NoWitness { url: url.clone(), witness: other.clone(), signature });
        }
        sleep(POLL).await;
    }
    loop {
        let said = Holding::of(chain, owner, coin).await?;
        let seen = Holding::by(&witness.rpc, chain, owner, coin).await?;
        let Some((place, [told, found])) = difference(&said, &seen) else {
            return Ok(said);
        };
        // a job may be opened or settled between two reads
        if start.elapsed() > witness.wait {
            let (said, seen) = (Money { coin, amount: told }, Money { coin, amount: found });
            return Err(CliError::Disagree { url: url.clone(), witness: other.clone(), place, said, seen });
        }
        sleep(POLL).await;
    }
}

/// Where the first two amounts are that do not agree, and they.
fn difference(said: &Holding, seen: &Holding) -> Option<(&'static str, [Amount; 2])> {
    [
        ("in the wallet", [said.wallet, seen.wallet]),
        ("free for jobs", [said.free, seen.free]),
        ("behind jobs", [said.locked, seen.locked]),
    ]
    .into_iter()
    .find(|(_, [said, seen])| said != seen)
}

async fn landed(witness: &Witness, signature: &Signature) -> Result<bool, CliError> {
    let seen = witness.rpc.sight(signature).await?.seen;
    Ok(seen.is_some_and(|seen| seen.level >= Level::Confirmed && seen.error.is_none()))
}
