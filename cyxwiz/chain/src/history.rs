//! What happened, newest first, as the chain's own history tells it.

use std::str::FromStr as _;

use cyxwiz_escrow_interface::policy::UnixTime;
use cyxwiz_escrow_interface::{Address, Event};
use serde::Deserialize;
use serde_json::json;
use solana_commitment_config::CommitmentConfig;
use solana_rpc_client_api::request::RpcRequest;
use solana_rpc_client_api::response::RpcConfirmedTransactionStatusWithSignature as Listed;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
use solana_transaction_status_client_types::UiTransactionError;

use crate::error::{Fault, Why};
use crate::log::events_of;
use crate::rpc::Rpc;
use crate::send::Slot;

/// One transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which.
    pub signature: Signature,
    /// Where.
    pub slot: Slot,
    /// When, where the node knows.
    pub time: Option<UnixTime>,
    /// Why it failed, if it did.
    pub error: Option<Why>,
    /// What the program says about it.
    pub events: Vec<Event>,
}

/// A signature in the list of those that touched an address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mention {
    pub(crate) signature: Signature,
    pub(crate) slot: Slot,
    pub(crate) time: Option<UnixTime>,
    pub(crate) error: Option<Why>,
}

/// Which part of the list: newer than `until`, older than `before`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) before: Option<Signature>,
    pub(crate) until: Option<Signature>,
    pub(crate) limit: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    meta: Option<Meta>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    log_messages: Option<Vec<String>>,
}

impl Rpc {
    /// The last `limit` transactions that touched `address`, newest first, with what `program` says about each.
    ///
    /// # Errors
    /// No answer.
    pub async fn history(
        &self,
        program: &Address,
        address: &Address,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let mut entries = Vec::new();
        for mention in self.mentions(address, Span { limit, ..Span::default() }).await? {
            let Mention { signature, slot, time, error } = mention;
            let events = match error {
                // nothing happened, whatever its log says
                Some(_) => Vec::new(),
                None => self.events(program, &signature).await?.unwrap_or_default(),
            };
            entries.push(Entry { signature, slot, time, error, events });
        }
        Ok(entries)
    }

    /// Signatures that touched an address, newest first.
    pub(crate) async fn mentions(&self, address: &Address, span: Span) -> Result<Vec<Mention>, Fault> {
        let config = json!({
            "limit": span.limit,
            "before": span.before.map(|signature| signature.to_string()),
            "until": span.until.map(|signature| signature.to_string()),
            "commitment": "confirmed",
        });
        let params = json!([address.to_string(), config]);
        let list: Vec<Listed> =
            self.call(async |client| client.send(RpcRequest::GetSignaturesForAddress, params).await).await?;
        list.into_iter().map(mention).collect()
    }

    /// The program's events in a transaction; nothing for a transaction that the node does not have.
    pub(crate) async fn events(
        &self,
        program: &Address,
        signature: &Signature,
    ) -> Result<Option<Vec<Event>>, Fault> {
        let config = json!({
            "encoding": "base64",
            "commitment": CommitmentConfig::confirmed().commitment,
            "maxSupportedTransactionVersion": 0,
        });
        let params = json!([signature.to_string(), config]);
        let answer: Option<Answer> =
            self.call(async |client| client.send(RpcRequest::GetTransaction, params).await).await?;
        let logs = answer.map(|answer| answer.meta.and_then(|meta| meta.log_messages).unwrap_or_default());
        Ok(logs.map(|logs| events_of(&logs, program)))
    }
}

fn mention(listed: Listed) -> Result<Mention, Fault> {
    let signature = signature_of(&listed.signature)?;
    let time = listed.block_time.map(UnixTime);
    let error = listed.err.map(why);
    Ok(Mention { signature, slot: Slot(listed.slot), time, error })
}

pub(crate) fn signature_of(text: &str) -> Result<Signature, Fault> {
    Signature::from_str(text).map_err(|_| Fault::Malformed(format!("`{text}` is no signature")))
}

fn why(error: UiTransactionError) -> Why {
    Why { error: TransactionError::from(error) }
}
