//! One transaction of the owner's: recorded, sent, and told about.

use cyxwiz_chain::{ChainError, Courier, Delivered, Draft, Outcome, Policy};
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use crate::context::Chain;
use crate::error::CliError;
use crate::pending::Pending;

/// First ends what an earlier command left over; then sends `draft`, which is `what` in words.
pub(crate) async fn run(
    chain: &Chain,
    owner: &Keypair,
    draft: &Draft,
    what: &str,
) -> Result<Delivered, CliError> {
    let mut pending = Pending::of(chain, &owner.pubkey().to_string(), what.to_owned())?;
    let courier = Courier::new(chain.rpc.clone(), Policy::interactive());
    let delivered = courier.deliver(draft, &[owner], &mut pending).await;
    match &delivered {
        // its end is not known: the file stays
        Err(ChainError::Undecided(_)) => {}
        // nothing was recorded, or something older
        Err(ChainError::Journal(_)) => {}
        _ => pending.clear()?,
    }
    let delivered = delivered?;
    match delivered.error {
        None => Ok(delivered),
        Some(why) => Err(ChainError::Refused(why).into()),
    }
}

/// An earlier command was cut off: find out how it ended before anything else moves.
pub(crate) async fn finish_earlier(chain: &Chain, owner: &Keypair) -> Result<(), CliError> {
    let pending = Pending::of(chain, &owner.pubkey().to_string(), String::new())?;
    let Some(record) = pending.left()? else {
        return Ok(());
    };
    talk!("an earlier command was cut off: {}", record.what);
    let courier = Courier::new(chain.rpc.clone(), Policy::interactive());
    let signature = record.signed.signature();
    match courier.resume(&record.signed).await {
        Outcome::Landed { error: None, .. } => talk!("  it did happen ({signature})"),
        Outcome::Landed { error: Some(why), .. } | Outcome::Refused(why) => {
            talk!("  it was refused: {why}")
        }
        Outcome::Expired => talk!("  it did not happen, and cannot any more"),
        Outcome::Undecided => return Err(ChainError::Undecided(signature).into()),
    }
    pending.clear()
}
