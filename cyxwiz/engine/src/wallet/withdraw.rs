use cyxwiz_chain::escrow::policy::Amount;
use cyxwiz_chain::{ChainError, Coin, Ledger as _, Money};
use solana_signer::Signer as _;

use super::afford::{self, Cost};
use super::balance::Holding;
use super::{deposit, send};
use crate::context::Context;
use crate::error::CliError;

pub(super) async fn run(money: Money, context: &Context) -> Result<(), CliError> {
    let keypair = context.keypair()?;
    let owner = keypair.pubkey();
    let chain = context.chain().await?;
    deposit::known(&chain).await?;
    send::finish_earlier(&chain, &keypair).await?;

    let holding = Holding::of(&chain, &owner, money.coin).await?;
    afford::withdraw(&holding, money)?;
    let draft = chain.contract.withdraw(owner, money);
    let unsigned = draft.unsigned(chain.rpc.lifetime().await?).map_err(ChainError::from)?;
    let (fee, rents) = (chain.rpc.fee(&unsigned).await?, chain.rpc.rents().await?);
    let accounts = match money.coin {
        Coin::Usdc if chain.rpc.tokens(&chain.contract, &owner).await?.amount.is_none() => rents.token,
        _ => Amount::ZERO,
    };
    let cost = Cost { fee, accounts, keep: rents.wallet };
    afford::fees(owner, chain.rpc.lamports(&owner).await?, &cost)?;

    let what = format!("withdraw {money}");
    let delivered = send::run(&chain, &keypair, &draft, &what).await?;
    deposit::tell(context, &chain, "withdrew", money, delivered.signature, &owner).await
}
