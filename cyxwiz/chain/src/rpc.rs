//! JSON-RPC, with a limit on every call.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cyxwiz_escrow_interface::Address;
use cyxwiz_escrow_interface::policy::Amount;
use serde_json::json;
use solana_account::Account;
use solana_commitment_config::CommitmentConfig;
use solana_hash::Hash;
use solana_rpc_client::http_sender::HttpSender;
use solana_rpc_client::nonblocking::rpc_client::RpcClient;
use solana_rpc_client::rpc_client::RpcClientConfig;
use solana_rpc_client_api::client_error::Error as ClientError;
use solana_rpc_client_api::request::RpcRequest;
use solana_rpc_client_api::response::{Response, RpcSimulateTransactionResult};
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
use solana_transaction_status_client_types::{TransactionConfirmationStatus, TransactionStatus};

use crate::draft::{Lifetime, Unsigned};
use crate::error::{Fault, Why, preflight};
use crate::send::{BlockHeight, Ledger, Level, Reply, Seen, Sight, Slot, Tip};
use crate::signed::Signed;

/// One HTTP request. Public nodes answer within a second, busy ones within a few.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// One call with what the client library does about "too many requests".
const CALL_LIMIT: Duration = Duration::from_secs(20);

/// A connection to one RPC address. Cheap to clone.
#[derive(Clone)]
pub struct Rpc {
    client: Arc<RpcClient>,
}

impl std::fmt::Debug for Rpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rpc").field("url", &self.client.url()).finish()
    }
}

/// What a transaction would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// Why it would fail.
    pub error: Option<Why>,
    /// What the programs say.
    pub logs: Vec<String>,
    /// Compute units.
    pub units: u64,
}

impl Rpc {
    /// Knows where to ask; nothing is asked yet. Reads what two thirds of the stake have confirmed.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let sender = HttpSender::new_with_timeout(url, REQUEST_LIMIT);
        let config = RpcClientConfig::with_commitment(CommitmentConfig::confirmed());
        Self { client: Arc::new(RpcClient::new_sender(sender, config)) }
    }

    /// One call, with its limit.
    pub(crate) async fn call<T>(
        &self,
        call: impl AsyncFnOnce(Arc<RpcClient>) -> Result<T, ClientError>,
    ) -> Result<T, Fault> {
        match tokio::time::timeout(CALL_LIMIT, call(Arc::clone(&self.client))).await {
            Ok(answer) => answer.map_err(Fault::from),
            Err(_) => Err(Fault::TimedOut),
        }
    }

    /// The first block, by which a chain is known.
    ///
    /// # Errors
    /// No answer.
    pub async fn genesis(&self) -> Result<Hash, Fault> {
        self.call(async |client| client.get_genesis_hash().await).await
    }

    /// Lamports of an address; zero for one that does not exist.
    ///
    /// # Errors
    /// No answer.
    pub async fn lamports(&self, address: &Address) -> Result<Amount, Fault> {
        self.call(async |client| client.get_balance(address).await).await.map(Amount)
    }

    /// What an account of so many bytes must hold to exist.
    ///
    /// # Errors
    /// No answer.
    pub async fn rent(&self, bytes: usize) -> Result<Amount, Fault> {
        self.call(async |client| client.get_minimum_balance_for_rent_exemption(bytes).await).await.map(Amount)
    }

    /// Accounts, each or nothing, all as of one slot. At most 100.
    ///
    /// # Errors
    /// No answer.
    pub async fn accounts(&self, addresses: &[Address]) -> Result<(Slot, Vec<Option<Account>>), Fault> {
        let confirmed = CommitmentConfig::confirmed();
        let answer = self
            .call(async |client| client.get_multiple_accounts_with_commitment(addresses, confirmed).await)
            .await?;
        Ok((Slot(answer.context.slot), answer.value))
    }

    /// The fee for a transaction, in lamports.
    ///
    /// # Errors
    /// No answer, or a recent block that the node does not know.
    pub async fn fee(&self, unsigned: &Unsigned) -> Result<Amount, Fault> {
        let message = BASE64_STANDARD.encode(unsigned.message());
        let params = json!([message, CommitmentConfig::confirmed()]);
        let answer: Response<Option<u64>> =
            self.call(async |client| client.send(RpcRequest::GetFeeForMessage, params).await).await?;
        answer.value.map(Amount).ok_or_else(|| Fault::Malformed("no fee for a recent block".to_owned()))
    }

    /// What a transaction would do; it needs no signature.
    ///
    /// # Errors
    /// No answer.
    pub async fn simulate(&self, unsigned: &Unsigned) -> Result<Simulated, Fault> {
        let config = json!({ "encoding": "base64", "commitment": "confirmed", "sigVerify": false });
        let params = json!([unsigned.to_base64(), config]);
        let answer: Response<RpcSimulateTransactionResult> =
            self.call(async |client| client.send(RpcRequest::SimulateTransaction, params).await).await?;
        let result = answer.value;
        let error = result.err.map(|error| Why { error: TransactionError::from(error) });
        Ok(Simulated {
            error,
            logs: result.logs.unwrap_or_default(),
            units: result.units_consumed.unwrap_or_default(),
        })
    }

    /// Asks a test chain for lamports. Public chains ration that, real ones refuse.
    ///
    /// # Errors
    /// No answer, or no lamports.
    pub async fn airdrop(&self, to: &Address, lamports: Amount) -> Result<Signature, Fault> {
        self.call(async |client| client.request_airdrop(to, lamports.0).await).await
    }

    async fn send_once(&self, signed: &Signed) -> Reply {
        // the node tries it first, and does not repeat it by itself: that is this side's business
        let config = json!({ "encoding": "base64", "preflightCommitment": "confirmed", "maxRetries": 0 });
        let params = json!([signed.to_base64(), config]);
        let send = self.client.send::<String>(RpcRequest::SendTransaction, params);
        match tokio::time::timeout(CALL_LIMIT, send).await {
            Err(_) => Reply::Lost(Fault::TimedOut),
            Ok(Ok(_)) => Reply::Accepted,
            Ok(Err(error)) => match preflight(&error) {
                Some(error) => Reply::Refused(error),
                None => Reply::Lost(error.into()),
            },
        }
    }
}

impl Ledger for Rpc {
    async fn lifetime(&self) -> Result<Lifetime, Fault> {
        let confirmed = CommitmentConfig::confirmed();
        let call =
            async |client: Arc<RpcClient>| client.get_latest_blockhash_with_commitment(confirmed).await;
        let (blockhash, last_valid) = self.call(call).await?;
        Ok(Lifetime { blockhash, last_valid: BlockHeight(last_valid) })
    }

    fn send(&self, signed: &Signed) -> impl Future<Output = Reply> + Send {
        self.send_once(signed)
    }

    async fn sight(&self, signature: &Signature) -> Result<Sight, Fault> {
        let call =
            async |client: Arc<RpcClient>| client.get_signature_statuses_with_history(&[*signature]).await;
        let answer = self.call(call).await?;
        let seen = answer.value.into_iter().next().flatten().map(|status| seen_of(&status));
        Ok(Sight { as_of: Slot(answer.context.slot), seen })
    }

    async fn tip(&self) -> Result<Tip, Fault> {
        let finalized = CommitmentConfig::finalized();
        let info = self.call(async |client| client.get_epoch_info_with_commitment(finalized).await).await?;
        Ok(Tip { slot: Slot(info.absolute_slot), height: BlockHeight(info.block_height) })
    }
}

fn seen_of(status: &TransactionStatus) -> Seen {
    let level = match status.confirmation_status() {
        TransactionConfirmationStatus::Processed => Level::Processed,
        TransactionConfirmationStatus::Confirmed => Level::Confirmed,
        TransactionConfirmationStatus::Finalized => Level::Finalized,
    };
    Seen { slot: Slot(status.slot), level, error: status.err.clone() }
}
