//! A chain with a buyer and a platform on it, who do jobs.

use cyxwiz_chain::escrow::policy::{Amount, Epoch, JobId, Order, Split};
use cyxwiz_chain::escrow::{Address, EscrowAccount};
use cyxwiz_chain::{Coin, Money, PayoutGap, Rpc};
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use super::devnet::Devnet;
use super::land;

/// A chain with its people.
pub(crate) struct Market {
    pub(crate) devnet: Devnet,
    pub(crate) rpc: Rpc,
    pub(crate) buyer: Keypair,
    pub(crate) settle: Keypair,
}

impl Market {
    pub(crate) fn start() -> Self {
        let devnet = Devnet::start(50);
        let (rpc, buyer, settle) = (devnet.rpc(), devnet.wallet("buyer"), devnet.wallet("settle"));
        Self { devnet, rpc, buyer, settle }
    }

    pub(crate) async fn open(&self, coin: Coin, job: JobId, deposit: u64) -> EscrowAccount {
        let contract = self.devnet.contract();
        let (now, config) = (self.rpc.time().await.unwrap(), self.rpc.config(&contract).await.unwrap());
        let order = Order {
            job,
            deposit: Amount(deposit),
            limit: Amount(deposit * 2),
            expire_at: now.plus(3600),
            config_version: config.version,
        };
        let buyer = self.buyer.pubkey();
        let draft = contract
            .deposit(buyer, Money::new(coin, deposit * 3))
            .then(contract.open(buyer, buyer, coin, order));
        land(&self.rpc, &draft, &[&self.buyer]).await;
        self.escrow(job).await.unwrap()
    }

    pub(crate) async fn escrow(&self, job: JobId) -> Option<EscrowAccount> {
        self.rpc.escrow(&self.devnet.contract(), &self.buyer.pubkey(), job).await.unwrap()
    }

    pub(crate) async fn assign(&self, job: JobId, payee: Address, epoch: u32) -> EscrowAccount {
        let draft = self.devnet.contract().assign(
            self.settle.pubkey(),
            (self.buyer.pubkey(), job),
            payee,
            Epoch(epoch),
        );
        land(&self.rpc, &draft, &[&self.settle]).await;
        self.escrow(job).await.unwrap()
    }

    /// What a payout in SOL lacks for both to exist after it.
    pub(crate) async fn gap(&self, payee: &Address, split: &Split) -> PayoutGap {
        let minimum = self.rpc.rents().await.unwrap().wallet;
        let treasury = self.devnet.address("treasury");
        let held = [self.rpc.lamports(payee).await.unwrap(), self.rpc.lamports(&treasury).await.unwrap()];
        PayoutGap::of(held, split, minimum)
    }
}
