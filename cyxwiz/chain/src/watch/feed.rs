//! The connection, the gap fill, the live feed.

use cyxwiz_escrow_interface::Address;
use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt as _, StreamExt as _};
use solana_account::Account;
use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding};
use solana_commitment_config::CommitmentConfig;
use solana_pubsub_client::nonblocking::pubsub_client::{PubsubClient, PubsubClientError};
use solana_rpc_client_api::config::{
    RpcAccountInfoConfig, RpcTransactionLogsConfig, RpcTransactionLogsFilter,
};
use solana_rpc_client_api::response::{Response, RpcLogsResponse};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::progress::Progress;
use super::{News, WatchPolicy};
use crate::error::Fault;
use crate::history::{Mention, Span, signature_of};
use crate::log::events_of;
use crate::rpc::Rpc;
use crate::send::Slot;

/// Signatures of one page; the most that nodes give.
const PAGE: usize = 1000;
/// Pages that one gap may have. A hundred thousand transactions are hours of a busy program.
const MAX_PAGES: usize = 100;

/// Why a feed broke, or must end.
enum Broken {
    /// The consumer is gone.
    NoConsumer,
    /// Try again.
    Cut(String),
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self::Cut(fault.to_string())
    }
}

impl From<PubsubClientError> for Broken {
    fn from(error: PubsubClientError) -> Self {
        Self::Cut(error.to_string())
    }
}

/// What comes over the WebSocket.
enum Notice {
    Logs(Response<RpcLogsResponse>),
    Account(Address, Response<UiAccount>),
    Slot,
    End,
}

pub(super) async fn run(rpc: Rpc, policy: WatchPolicy, news: mpsc::Sender<News>) {
    let mut feed = Feed { rpc, progress: Progress::since(policy.since), started: false, policy, news };
    let mut failures = 0_u32;
    loop {
        let start = Instant::now();
        match feed.connection().await {
            Ok(()) | Err(Broken::NoConsumer) => return,
            Err(Broken::Cut(why)) => {
                // a connection that held is no failure in a row
                failures = if start.elapsed() > feed.policy.silence { 1 } else { failures.saturating_add(1) };
                tracing::info!(%why, failures, "the feed broke");
                if feed.tell(News::Cut).await.is_err() {
                    return;
                }
                sleep(feed.policy.backoff.pause(failures)).await;
            }
        }
    }
}

struct Feed {
    rpc: Rpc,
    policy: WatchPolicy,
    progress: Progress,
    /// There was a first connection: from then on nothing may be left out.
    started: bool,
    news: mpsc::Sender<News>,
}

impl Feed {
    async fn connection(&mut self) -> Result<(), Broken> {
        let silence = self.policy.silence;
        let silent = |_| Broken::Cut("no connection in time".to_owned());
        let client =
            timeout(silence, PubsubClient::new(self.policy.ws_url.as_str())).await.map_err(silent)??;
        let mut notices = timeout(silence, self.subscribe(&client)).await.map_err(silent)??;
        self.fill().await?;
        self.tell(News::Live).await?;
        self.progress.settle();
        loop {
            let silent = |_| Broken::Cut("silent for too long".to_owned());
            match timeout(silence, notices.next()).await.map_err(silent)? {
                Some(Notice::Logs(notice)) => self.logs(notice).await?,
                Some(Notice::Account(address, notice)) => {
                    let account = notice.value.to_account();
                    self.account(address, Slot(notice.context.slot), account).await?;
                }
                Some(Notice::Slot) => self.progress.settle(),
                Some(Notice::End) | None => return Err(Broken::Cut("the connection ended".to_owned())),
            }
        }
    }

    /// Every stream says when it ends: the connection is then gone for all of them.
    async fn subscribe<'a>(
        &self,
        client: &'a PubsubClient,
    ) -> Result<SelectAll<BoxStream<'a, Notice>>, PubsubClientError> {
        let mut all = SelectAll::new();
        let filter = RpcTransactionLogsFilter::Mentions(vec![self.policy.program.to_string()]);
        let confirmed = Some(CommitmentConfig::confirmed());
        let (logs, _) =
            client.logs_subscribe(filter, RpcTransactionLogsConfig { commitment: confirmed }).await?;
        all.push(ending(logs.map(Notice::Logs).boxed()));
        for address in self.policy.accounts.iter().copied() {
            let config = RpcAccountInfoConfig {
                encoding: Some(UiAccountEncoding::Base64),
                commitment: confirmed,
                ..RpcAccountInfoConfig::default()
            };
            let (accounts, _) = client.account_subscribe(&address, Some(config)).await?;
            all.push(ending(accounts.map(move |notice| Notice::Account(address, notice)).boxed()));
        }
        let (slots, _) = client.slot_subscribe().await?;
        all.push(ending(slots.map(|_| Notice::Slot).boxed()));
        Ok(all)
    }

    /// What happened while nobody listened. Live notices wait meanwhile, and are told after it.
    async fn fill(&mut self) -> Result<(), Broken> {
        if !self.started && self.progress.anchor().is_none() {
            // from now on: the newest one is known, whatever it says
            let newest =
                self.rpc.mentions(&self.policy.program, Span { limit: 1, ..Span::default() }).await?;
            self.progress = Progress::since(newest.first().map(|mention| mention.signature));
        } else {
            self.fill_events().await?;
        }
        self.started = true;
        let accounts = self.policy.accounts.clone();
        if accounts.is_empty() {
            return Ok(());
        }
        let (slot, read) = self.rpc.accounts(&accounts).await?;
        for (address, account) in accounts.into_iter().zip(read) {
            self.account(address, slot, account).await?;
        }
        Ok(())
    }

    async fn fill_events(&mut self) -> Result<(), Broken> {
        let mut missed: Vec<Mention> = Vec::new();
        let mut whole = false;
        for _ in 0..MAX_PAGES {
            let before = missed.last().map(|mention| mention.signature);
            let span = Span { before, until: self.progress.anchor(), limit: PAGE };
            let page = self.rpc.mentions(&self.policy.program, span).await?;
            whole = page.len() < PAGE;
            missed.extend(page);
            if whole {
                break;
            }
        }
        if !whole {
            self.tell(News::Skipped).await?;
        }
        for mention in missed.into_iter().rev() {
            if self.progress.knows(&mention.signature) {
                continue;
            }
            let events = match mention.error {
                Some(_) => Vec::new(),
                None => {
                    let events = self.rpc.events(&self.policy.program, &mention.signature).await?;
                    // a node that lists a transaction but does not have it yet is asked again
                    events.ok_or_else(|| Broken::Cut("a transaction is listed but not served".to_owned()))?
                }
            };
            self.events(mention.slot, mention.signature, events).await?;
        }
        Ok(())
    }

    async fn logs(&mut self, notice: Response<RpcLogsResponse>) -> Result<(), Broken> {
        let signature = signature_of(&notice.value.signature)?;
        if self.progress.knows(&signature) {
            return Ok(());
        }
        let events = match notice.value.err {
            Some(_) => Vec::new(),
            None => events_of(&notice.value.logs, &self.policy.program),
        };
        self.events(Slot(notice.context.slot), signature, events).await
    }

    async fn events(
        &mut self,
        slot: Slot,
        signature: solana_signature::Signature,
        events: Vec<cyxwiz_escrow_interface::Event>,
    ) -> Result<(), Broken> {
        if !events.is_empty() {
            self.tell(News::Events { signature, slot, events }).await?;
        }
        self.progress.told(slot, signature);
        Ok(())
    }

    async fn account(
        &mut self,
        address: Address,
        slot: Slot,
        account: Option<Account>,
    ) -> Result<(), Broken> {
        // a closed account is one without lamports
        let account = account.filter(|account| account.lamports > 0);
        if self.progress.account(address, slot, &account) {
            self.tell(News::Account { address, slot, account }).await?;
        }
        Ok(())
    }

    async fn tell(&self, news: News) -> Result<(), Broken> {
        self.news.send(news).await.map_err(|_| Broken::NoConsumer)
    }
}

fn ending(stream: BoxStream<'_, Notice>) -> BoxStream<'_, Notice> {
    stream.chain(std::future::ready(Notice::End).into_stream()).boxed()
}
