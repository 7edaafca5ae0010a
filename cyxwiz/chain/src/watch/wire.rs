//! The real chain: a WebSocket, and JSON-RPC for what it missed.

use cyxwiz_escrow_interface::{Address, Event};
use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt as _, StreamExt as _};
use solana_account::Account;
use solana_account_decoder_client_types::UiAccountEncoding;
use solana_commitment_config::CommitmentConfig;
use solana_pubsub_client::nonblocking::pubsub_client::{PubsubClient, PubsubClientError};
use solana_rpc_client_api::config::{
    RpcAccountInfoConfig, RpcTransactionLogsConfig, RpcTransactionLogsFilter,
};
use solana_rpc_client_api::response::{Response, RpcLogsResponse};
use solana_signature::Signature;

use super::WatchPolicy;
use super::source::{Notice, Source};
use crate::error::Fault;
use crate::history::{Mention, Span, signature_of};
use crate::log::events_of;
use crate::rpc::Rpc;
use crate::send::Slot;

impl Source for Rpc {
    type Line = PubsubClient;

    async fn connect(&self, policy: &WatchPolicy) -> Result<PubsubClient, Fault> {
        PubsubClient::new(policy.ws_url.as_str()).await.map_err(unreachable)
    }

    async fn notices<'a>(
        &self,
        line: &'a PubsubClient,
        policy: &WatchPolicy,
    ) -> Result<BoxStream<'a, Notice>, Fault> {
        Ok(subscribe(line, policy).await.map_err(unreachable)?.boxed())
    }

    async fn mentions(&self, address: &Address, span: Span) -> Result<Vec<Mention>, Fault> {
        Self::mentions(self, address, span).await
    }

    async fn events(&self, program: &Address, signature: &Signature) -> Result<Option<Vec<Event>>, Fault> {
        Self::events(self, program, signature).await
    }

    async fn accounts(&self, addresses: &[Address]) -> Result<(Slot, Vec<Option<Account>>), Fault> {
        Self::accounts(self, addresses).await
    }
}

/// Every stream says when it ends: the connection is then gone for all of them.
async fn subscribe<'a>(
    client: &'a PubsubClient,
    policy: &WatchPolicy,
) -> Result<SelectAll<BoxStream<'a, Notice>>, PubsubClientError> {
    let mut all = SelectAll::new();
    let program = policy.program;
    let filter = RpcTransactionLogsFilter::Mentions(vec![program.to_string()]);
    let confirmed = Some(CommitmentConfig::confirmed());
    let (logs, _) = client.logs_subscribe(filter, RpcTransactionLogsConfig { commitment: confirmed }).await?;
    all.push(ending(logs.map(move |notice| logged(&notice, &program)).boxed()));
    for address in policy.accounts.iter().copied() {
        let config = RpcAccountInfoConfig {
            encoding: Some(UiAccountEncoding::Base64),
            commitment: confirmed,
            ..RpcAccountInfoConfig::default()
        };
        let (accounts, _) = client.account_subscribe(&address, Some(config)).await?;
        let notice = move |answer: Response<_>| {
            let account: solana_account_decoder_client_types::UiAccount = answer.value;
            Notice::Account(address, Slot(answer.context.slot), account.to_account())
        };
        all.push(ending(accounts.map(notice).boxed()));
    }
    let (slots, _) = client.slot_subscribe().await?;
    all.push(ending(slots.map(|_| Notice::Slot).boxed()));
    Ok(all)
}

fn logged(notice: &Response<RpcLogsResponse>, program: &Address) -> Notice {
    let signature = match signature_of(&notice.value.signature) {
        Ok(signature) => signature,
        Err(fault) => return Notice::End(fault.to_string()),
    };
    let events = match notice.value.err {
        Some(_) => Vec::new(),
        None => events_of(&notice.value.logs, program),
    };
    Notice::Events(Slot(notice.context.slot), signature, events)
}

fn ending(stream: BoxStream<'_, Notice>) -> BoxStream<'_, Notice> {
    let end = Notice::End("the connection ended".to_owned());
    stream.chain(std::future::ready(end).into_stream()).boxed()
}

fn unreachable(error: PubsubClientError) -> Fault {
    Fault::Unreachable(Box::new(error))
}
