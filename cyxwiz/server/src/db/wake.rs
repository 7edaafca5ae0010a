//! Wake-ups between servers: LISTEN and NOTIFY. They are hints; whoever waits looks into the tables.

use std::time::Duration;

use sqlx::PgExecutor;
use sqlx::postgres::PgListener;
use tokio::sync::broadcast;

use super::Db;
use crate::{Drain, ServerError};

/// Hints that a slow receiver may be behind before it is told that some are missing.
const BEHIND: usize = 4096;
/// How long to wait before listening again after the database was away.
const AGAIN: Duration = Duration::from_millis(200);

/// A hint: something changed that `payload` names. An empty payload: look at everything, some hints were missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The channel.
    pub channel: String,
    /// What changed.
    pub payload: String,
}

/// Sends a hint when the transaction commits (at once outside one). Payloads are short: ids.
///
/// # Errors
/// The database failed.
pub async fn notify(db: impl PgExecutor<'_>, channel: &str, payload: &str) -> Result<(), ServerError> {
    sqlx::query("SELECT pg_notify($1, $2)").bind(channel).bind(payload).execute(db).await?;
    Ok(())
}

/// Hears the hints of all servers, on one connection for the whole process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Wake {
    hints: broadcast::Sender<Hint>,
}

/// Hints of one channel, as they come.
#[derive(Debug)]
pub struct Hints {
    channel: &'static str,
    hints: broadcast::Receiver<Hint>,
}

impl Wake {
    /// Listens to `channels` until the server stops. Listening begins in the background, and again after each cut;
    /// each time everybody is told that hints may be missing.
    #[must_use]
    pub fn start(db: &Db, channels: &'static [&'static str], drain: &Drain) -> Self {
        let wake = Self { hints: broadcast::Sender::new(BEHIND) };
        let (db, drain, hints) = (db.clone(), drain.clone(), wake.hints.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = listen(&db, channels, &hints) => {}
                () = drain.started() => {}
            }
        });
        wake
    }

    /// Hears one channel from now on.
    #[must_use]
    pub fn subscribe(&self, channel: &'static str) -> Hints {
        Hints { channel, hints: self.hints.subscribe() }
    }
}

impl Hints {
    /// The payload of the next hint; empty where some were missed, and for ever after the server stopped.
    pub async fn next(&mut self) -> String {
        loop {
            match self.hints.recv().await {
                Ok(hint) if hint.channel == self.channel => return hint.payload,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return String::new(),
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

async fn listen(db: &Db, channels: &[&str], hints: &broadcast::Sender<Hint>) {
    loop {
        if let Err(error) = listen_once(db, channels, hints).await {
            tracing::warn!(%error, "the database's hints were cut off; listening again");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn listen_once(db: &Db, channels: &[&str], hints: &broadcast::Sender<Hint>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(db.pool()).await?;
    listener.eager_reconnect(false);
    listener.listen_all(channels.iter().copied()).await?;
    for channel in channels {
        let _ = hints.send(Hint { channel: (*channel).to_owned(), payload: String::new() });
    }
    // `None` is a cut: what was sent meanwhile is lost
    while let Some(notification) = listener.try_recv().await? {
        let (channel, payload) = (notification.channel().to_owned(), notification.payload().to_owned());
        let _ = hints.send(Hint { channel, payload });
    }
    Ok(())
}
