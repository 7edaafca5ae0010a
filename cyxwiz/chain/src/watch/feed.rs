//! The connection, the gap fill, the live feed.

use cyxwiz_escrow_interface::{Address, Event};
use futures::StreamExt as _;
use solana_account::Account;
use solana_signature::Signature;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::progress::Progress;
use super::source::{Notice, Source};
use super::{News, WatchPolicy};
use crate::error::Fault;
use crate::history::{Mention, Span};
use crate::send::Slot;

/// Signatures of one page; the most that nodes give.
const PAGE: usize = 1000;
/// Pages that one gap may have. A hundred thousand transactions are hours of a busy program.
const MAX_PAGES: usize = 100;
/// Slots (about half a minute) after which a gap is looked through once more. The node that answers reads may be
/// behind the one that sends notices; what it did not know yet would be in neither.
const CATCH_UP: u32 = 64;
/// How often one transaction is asked for in a row; with the pauses about ten seconds.
const TRIES: u32 = 7;

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

pub(super) async fn run<S: Source>(source: S, policy: WatchPolicy, news: mpsc::Sender<News>) {
    let mut feed =
        Feed { source, progress: Progress::since(policy.since), started: false, live: None, policy, news };
    let mut failures = 0_u32;
    loop {
        feed.live = None;
        match feed.connection().await {
            Ok(()) | Err(Broken::NoConsumer) => return,
            Err(Broken::Cut(why)) => {
                // a connection that held is no failure in a row
                let held = feed.live.is_some_and(|since| since.elapsed() > feed.policy.silence);
                failures = if held { 1 } else { failures.saturating_add(1) };
                tracing::info!(%why, failures, "the feed broke");
                if feed.tell(News::Cut).await.is_err() {
                    return;
                }
                sleep(feed.policy.backoff.pause(failures)).await;
            }
        }
    }
}

struct Feed<S> {
    source: S,
    policy: WatchPolicy,
    progress: Progress,
    /// There was a first connection: from then on nothing may be left out.
    started: bool,
    /// Since when this connection is.
    live: Option<Instant>,
    news: mpsc::Sender<News>,
}

impl<S: Source> Feed<S> {
    async fn connection(&mut self) -> Result<(), Broken> {
        let silence = self.policy.silence;
        let silent = |_| Broken::Cut("no connection in time".to_owned());
        let line = timeout(silence, self.source.connect(&self.policy)).await.map_err(silent)??;
        let notices = self.source.notices(&line, &self.policy);
        let mut notices = timeout(silence, notices).await.map_err(silent)??;
        self.fill().await?;
        self.tell(News::Live).await?;
        self.live = Some(Instant::now());
        let mut slots = 0_u32;
        loop {
            let silent = |_| Broken::Cut("silent for too long".to_owned());
            match timeout(silence, notices.next()).await.map_err(silent)? {
                Some(Notice::Events(slot, signature, events)) => self.events(slot, signature, events).await?,
                Some(Notice::Account(address, slot, account)) => self.account(address, slot, account).await?,
                Some(Notice::Slot) => {
                    slots = slots.saturating_add(1);
                    if slots == CATCH_UP {
                        self.fill().await?;
                    }
                    // the anchor stays where it was until nothing before it can be missing
                    if slots >= CATCH_UP {
                        self.progress.settle();
                    }
                }
                Some(Notice::End(why)) => return Err(Broken::Cut(why)),
                None => return Err(Broken::Cut("the connection ended".to_owned())),
            }
        }
    }

    /// What happened while nobody listened. Live notices wait meanwhile, and are told after it.
    async fn fill(&mut self) -> Result<(), Broken> {
        if !self.started && self.progress.anchor().is_none() {
            // from now on: the newest one is known, whatever it says
            let newest =
                self.source.mentions(&self.policy.program, Span { limit: 1, ..Span::default() }).await?;
            self.progress = Progress::since(newest.first().map(|mention| mention.signature));
        } else {
            self.fill_events().await?;
        }
        self.started = true;
        let accounts = self.policy.accounts.clone();
        if accounts.is_empty() {
            return Ok(());
        }
        let (slot, read) = self.source.accounts(&accounts).await?;
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
            let page = self.source.mentions(&self.policy.program, span).await?;
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
            if self.progress.knows(mention.slot, &mention.signature) {
                continue;
            }
            let events = match mention.error {
                Some(_) => Vec::new(),
                None => self.said(&mention.signature).await?,
            };
            self.events(mention.slot, mention.signature, events).await?;
        }
        Ok(())
    }

    /// What the program said. A node that lists a transaction but does not have it yet is asked again: to break here
    /// would begin the whole gap anew, and on a busy chain never end it.
    async fn said(&self, signature: &Signature) -> Result<Vec<Event>, Broken> {
        let mut failures = 0_u32;
        loop {
            let why = match self.source.events(&self.policy.program, signature).await {
                Ok(Some(events)) => return Ok(events),
                Ok(None) => "a transaction is listed but not served".to_owned(),
                Err(fault) => fault.to_string(),
            };
            failures = failures.saturating_add(1);
            if failures == TRIES {
                return Err(Broken::Cut(why));
            }
            sleep(self.policy.backoff.pause(failures)).await;
        }
    }

    async fn events(&mut self, slot: Slot, signature: Signature, events: Vec<Event>) -> Result<(), Broken> {
        if self.progress.knows(slot, &signature) {
            return Ok(());
        }
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
