use clap::Args;
use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::escrow::policy::Amount;
use cyxwiz_chain::{Coin, Money, Rpc};
use serde_json::json;
use solana_signer::Signer as _;

use crate::context::{Chain, Context};
use crate::error::CliError;
use crate::output;

/// One coin, in the wallet and in the escrow program.
pub(crate) struct Holding {
    pub(crate) coin: Coin,
    pub(crate) wallet: Amount,
    pub(crate) free: Amount,
    pub(crate) locked: Amount,
    /// The balance's account is there.
    pub(crate) opened: bool,
}

impl Holding {
    pub(crate) async fn of(chain: &Chain, owner: &Address, coin: Coin) -> Result<Self, CliError> {
        Self::by(&chain.rpc, chain, owner, coin).await
    }

    /// As this node tells it.
    pub(crate) async fn by(rpc: &Rpc, chain: &Chain, owner: &Address, coin: Coin) -> Result<Self, CliError> {
        let wallet = match coin {
            Coin::Sol => rpc.lamports(owner).await?,
            Coin::Usdc => rpc.tokens(&chain.contract, owner).await?.amount.unwrap_or_default(),
        };
        let balance = rpc.balance(&chain.contract, owner, coin).await?;
        let opened = balance.is_some();
        let (free, locked) = balance.map(|balance| (balance.free, balance.locked)).unwrap_or_default();
        Ok(Self { coin, wallet, free, locked, opened })
    }

    fn money(&self, amount: Amount) -> Money {
        Money { coin: self.coin, amount }
    }
}

#[derive(Args)]
pub(crate) struct Verb {
    /// Only this coin: SOL or USDC
    #[arg(long)]
    coin: Option<String>,
}

pub(super) async fn run(verb: Verb, context: &Context) -> Result<(), CliError> {
    let only = verb.coin.map(|coin| coin.parse::<Coin>()).transpose()?;
    let owner = context.keypair()?.pubkey();
    let chain = context.chain().await?;
    let mut holdings = Vec::new();
    for coin in Coin::ALL.into_iter().filter(|coin| only.is_none_or(|only| only == *coin)) {
        holdings.push(Holding::of(&chain, &owner, coin).await?);
    }
    if context.json() {
        if let (Some(_), [holding]) = (only, holdings.as_slice()) {
            let shown = |amount| output::money(&chain.contract, holding.money(amount));
            let (wallet, free, locked) = (shown(holding.wallet), shown(holding.free), shown(holding.locked));
            let address = owner.to_string();
            return output::json(
                &json!({ "address": address, "wallet": wallet, "free": free, "locked": locked }),
            );
        }
        let coins: Vec<_> = holdings.iter().map(|holding| for_programs(&chain, holding)).collect();
        let cluster = chain.network.cluster.name();
        return output::json(&json!({ "address": owner.to_string(), "cluster": cluster, "coins": coins }));
    }
    output::line(format!("{owner} on {}", chain.network.cluster))?;
    let mut table = output::table(["", "wallet", "free for jobs", "behind jobs"]);
    for holding in &holdings {
        let number = |amount| holding.money(amount).number();
        let row = [number(holding.wallet), number(holding.free), number(holding.locked)];
        table.add_row([vec![holding.coin.symbol().to_owned()], row.to_vec()].concat());
    }
    output::print(&table)
}

fn for_programs(chain: &Chain, holding: &Holding) -> serde_json::Value {
    json!({
        "coin": holding.coin.symbol(),
        "mint": chain.contract.mint(holding.coin).to_string(),
        "decimals": holding.coin.decimals(),
        "wallet": holding.wallet.0.to_string(),
        "free": holding.free.0.to_string(),
        "locked": holding.locked.0.to_string(),
    })
}
