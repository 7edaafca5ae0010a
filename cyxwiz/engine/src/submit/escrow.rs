//! The buyer's own transaction: what he has, and the escrow that he opens.

use cyxwiz_chain::escrow::policy::{Config, ConfigVersion, JobId, Order, UnixTime};
use cyxwiz_chain::escrow::{Address, EscrowAccount, Event};
use cyxwiz_chain::{ChainError, Ledger as _, Money};
use cyxwiz_proto::v1::Terms;
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use super::terms::TermsError;
use crate::context::Chain;
use crate::error::CliError;
use crate::wallet::{self, Cost, Holding};

/// How far back the opening of an escrow is looked for.
const HISTORY: usize = 20;

/// The configuration of the program, which must be there.
pub(super) async fn config(chain: &Chain) -> Result<Config<Address>, CliError> {
    wallet::known(chain).await?;
    Ok(chain.rpc.config(&chain.contract).await?)
}

/// Whether the buyer can set so much aside, and pay the fee and the account for it.
pub(super) async fn affordable(chain: &Chain, owner: Address, deposit: Money) -> Result<Money, CliError> {
    let holding = Holding::of(chain, &owner, deposit.coin).await?;
    let money = |amount| Money { coin: deposit.coin, amount };
    if holding.free < deposit.amount {
        let (free, wallet) = (money(holding.free), money(holding.wallet));
        return Err(CliError::NotEnough { free, needs: deposit, wallet, owner });
    }
    // what it costs does not depend on what it says
    let order = Order {
        job: JobId([0; 16]),
        deposit: deposit.amount,
        limit: deposit.amount,
        expire_at: UnixTime(0),
        config_version: ConfigVersion(0),
    };
    let draft = chain.contract.open(owner, owner, deposit.coin, order);
    let unsigned = draft.unsigned(chain.rpc.lifetime().await?).map_err(ChainError::from)?;
    let (fee, accounts) = (chain.rpc.fee(&unsigned).await?, chain.rpc.rent(EscrowAccount::LEN).await?);
    let cost = Cost { fee, accounts, keep: chain.rpc.rent(0).await? };
    wallet::fees(owner, chain.rpc.lamports(&owner).await?, &cost)?;
    Ok(money(holding.free))
}

/// The transaction that opened this job's escrow, where an earlier command came that far.
pub(super) async fn opened(
    chain: &Chain,
    owner: &Address,
    job: JobId,
    terms: &Terms,
) -> Result<Option<String>, CliError> {
    let Some(account) = chain.rpc.escrow(&chain.contract, owner, job).await? else { return Ok(None) };
    let (open, what) = (account.escrow, "the open escrow");
    for (says, wanted) in [
        (open.deposit.0.to_string(), terms.deposit.to_string()),
        (open.limit.0.to_string(), terms.limit.to_string()),
        (open.expire_at.0.to_string(), terms.expire_at.to_string()),
    ] {
        if says != wanted {
            return Err(TermsError::Differs { what, says: wanted, wanted: says }.into());
        }
    }
    opened_by(chain, owner, job).await.map(Some)
}

/// Signs, records, sends; says by which transaction.
pub(super) async fn open(
    chain: &Chain,
    keypair: &Keypair,
    deposit: Money,
    order: Order,
) -> Result<String, CliError> {
    let owner = keypair.pubkey();
    let what = format!("set {deposit} aside for job_{}", hex::encode(order.job.0));
    let draft = chain.contract.open(owner, owner, deposit.coin, order);
    Ok(wallet::send(chain, keypair, &draft, &what).await?.signature.to_string())
}

/// The transaction that opened an escrow, from the chain's own history.
async fn opened_by(chain: &Chain, owner: &Address, job: JobId) -> Result<String, CliError> {
    let program = &chain.contract.program;
    let entries = chain.rpc.history(&program.id, &program.escrow(owner, job), HISTORY).await?;
    let opened = |event: &Event| matches!(event, Event::Opened { job: of, .. } if *of == job);
    let found = entries.iter().find(|entry| entry.error.is_none() && entry.events.iter().any(opened));
    found.map(|entry| entry.signature.to_string()).ok_or(CliError::Broken("an escrow without its opening"))
}
