use cyxwiz_chain::{ChainError, Ledger as _, Money};
use serde_json::json;
use solana_signature::Signature;
use solana_signer::Signer as _;

use super::afford::{self, Cost};
use super::balance::Holding;
use super::{send, witness};
use crate::context::{Chain, Context};
use crate::error::CliError;
use crate::output;

pub(super) async fn run(money: Money, context: &Context) -> Result<(), CliError> {
    let keypair = context.keypair()?;
    let owner = keypair.pubkey();
    let chain = context.chain().await?;
    known(&chain).await?;
    send::finish_earlier(&chain, &keypair).await?;

    let draft = chain.contract.deposit(owner, money);
    let holding = Holding::of(&chain, &owner, money.coin).await?;
    let unsigned = draft.unsigned(chain.rpc.lifetime().await?).map_err(ChainError::from)?;
    let (fee, rents) = (chain.rpc.fee(&unsigned).await?, chain.rpc.rents().await?);
    let cost = Cost::of_deposit(&holding, fee, &rents);
    afford::deposit(owner, &holding, chain.rpc.lamports(&owner).await?, money, &cost)?;

    let what = format!("deposit {money}");
    let delivered = send::run(&chain, &keypair, &draft, &what).await?;
    tell(context, &chain, "deposited", money, delivered.signature, &owner).await
}

/// Fails in words where there is no program to deposit into.
pub(crate) async fn known(chain: &Chain) -> Result<(), CliError> {
    match chain.rpc.config(&chain.contract).await {
        Ok(_) => Ok(()),
        Err(ChainError::NoAccount(_)) => {
            Err(CliError::NoProgram { program: chain.contract.program.id, cluster: chain.network.cluster })
        }
        Err(error) => Err(error.into()),
    }
}

/// What happened, and what the balance is now, once the witness says the same.
pub(super) async fn tell(
    context: &Context,
    chain: &Chain,
    done: &str,
    money: Money,
    signature: Signature,
    owner: &cyxwiz_chain::escrow::Address,
) -> Result<(), CliError> {
    let holding = match &chain.witness {
        Some(witness) => witness::agree(chain, witness, signature, owner, money.coin).await?,
        None => Holding::of(chain, owner, money.coin).await?,
    };
    let amount = |amount| Money { coin: money.coin, amount };
    if context.json() {
        let shown = |money| output::money(&chain.contract, money);
        return output::json(&json!({
            "done": done,
            "amount": shown(money),
            "signature": signature.to_string(),
            "witnessed": chain.witness.is_some(),
            "wallet": shown(amount(holding.wallet)),
            "free": shown(amount(holding.free)),
            "locked": shown(amount(holding.locked)),
        }));
    }
    output::line(format!("{done} {money}; free for jobs: {}", amount(holding.free)))?;
    talk!("signature {signature}");
    Ok(())
}
