use clap::Subcommand;
use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::{Contract, Courier, Ledger as _, Outcome, Policy, Rpc, read_keypair};
use serde_json::{Value, json};
use solana_signer::Signer as _;

use crate::{Config, ServerError};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TreasuryVerb {
    /// Show the program's configuration
    Show,
    /// Set who gets the platform's part of escrows to come; wants --admin-key
    Set {
        /// The new treasury
        address: Address,
    },
}

pub(super) async fn run(verb: TreasuryVerb, config: &Config) -> Result<Value, ServerError> {
    let network = &config.chain.network;
    let (contract, rpc) = (Contract::of(network), Rpc::new(&network.url));
    if let TreasuryVerb::Set { address } = verb {
        set(config, &contract, &rpc, address).await?;
    }
    let chain = rpc.config(&contract).await?;
    Ok(json!({
        "cluster": network.cluster.name(),
        "program": network.program.id.to_string(),
        "treasury": chain.treasury.to_string(),
        "settle_key": chain.settle_key.to_string(),
        "admin": chain.admin.to_string(),
        "fee_bps": chain.fee.0,
        "version": chain.version.0,
        "paused": chain.paused,
    }))
}

async fn set(config: &Config, contract: &Contract, rpc: &Rpc, treasury: Address) -> Result<(), ServerError> {
    let Some(path) = &config.chain.admin_key else {
        return Err(ServerError::Said("name the admin's keypair with --admin-key".to_owned()));
    };
    let admin = read_keypair(path)?;
    let draft = contract.set_treasury(admin.pubkey(), treasury);
    let lifetime = rpc.lifetime().await?;
    let signed = draft.sign(lifetime, &[&admin]).map_err(|error| ServerError::Said(error.to_string()))?;
    // setting it twice is setting it once: nothing needs to be recorded first
    match Courier::new(rpc.clone(), Policy::interactive()).send(&signed).await {
        Outcome::Landed { error: None, .. } => Ok(()),
        other => Err(ServerError::Said(format!("the chain did not take it: {other:?}"))),
    }
}
