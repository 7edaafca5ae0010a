pub(crate) mod cli;
pub(crate) mod devnet;
pub(crate) mod liar;
pub(crate) mod market;
pub(crate) mod proxy;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::escrow::policy::Amount;
use cyxwiz_chain::{Coin, Contract, Courier, Delivered, Draft, Journal, Policy, Rpc, Signed};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// What was signed, in order: an outbox in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(pub(crate) Arc<Mutex<Vec<Signed>>>);

impl Journal for Notes {
    type Error = Infallible;

    async fn signed(&mut self, signed: &Signed) -> Result<(), Infallible> {
        self.0.lock().unwrap().push(signed.clone());
        Ok(())
    }
}

impl Notes {
    pub(crate) fn last(&self) -> Option<Signed> {
        self.0.lock().unwrap().last().cloned()
    }
}

/// Sends and expects no refusal.
pub(crate) async fn land(rpc: &Rpc, draft: &Draft, signers: &[&Keypair]) -> Delivered {
    let delivered = attempt(rpc, draft, signers).await.unwrap();
    assert_eq!(delivered.error, None);
    delivered
}

/// Sends and says how it ended.
pub(crate) async fn attempt(
    rpc: &Rpc,
    draft: &Draft,
    signers: &[&Keypair],
) -> Result<Delivered, cyxwiz_chain::ChainError> {
    let signers: Vec<&(dyn Signer + Sync)> = signers.iter().map(|key| *key as &(dyn Signer + Sync)).collect();
    Courier::new(rpc.clone(), Policy::interactive()).deliver(draft, &signers, &mut Notes::default()).await
}

/// What is free and what is locked.
pub(crate) async fn books(rpc: &Rpc, contract: &Contract, owner: &Address, coin: Coin) -> (u64, u64) {
    let balance = rpc.balance(contract, owner, coin).await.unwrap();
    balance.map_or((0, 0), |balance| (balance.free.0, balance.locked.0))
}

/// Tokens in a wallet's own account.
pub(crate) async fn tokens(rpc: &Rpc, contract: &Contract, owner: &Address) -> u64 {
    rpc.tokens(contract, owner).await.unwrap().amount.unwrap_or(Amount::ZERO).0
}
