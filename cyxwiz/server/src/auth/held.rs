//! Sessions that open streams stand on: a call is checked when it comes, a stream for as long as it is open.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cyxwiz_model::{Moment, SessionId};
use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use crate::db::DbId as _;
use crate::{Db, Refusal, ServerError};

/// How long a stream may outlive its session. One query for all streams of a server.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

/// The sessions of the streams that this server holds. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct HeldSessions(Arc<Mutex<HashMap<Uuid, watch::Sender<bool>>>>);

/// A session that a stream stands on.
#[derive(Clone, Debug)]
pub struct HeldSession(watch::Receiver<bool>);

impl HeldSessions {
    /// Holds a session for as long as what is given back lives.
    #[must_use]
    pub fn hold(&self, session: SessionId) -> HeldSession {
        let mut held = self.0.lock();
        HeldSession(held.entry(session.uuid()).or_insert_with(|| watch::Sender::new(false)).subscribe())
    }

    /// Tells the streams whose sessions were ended, or came to their end, since the last look.
    pub(crate) async fn look(&self, db: &Db, now: Moment) -> Result<(), ServerError> {
        let ids: Vec<Uuid> = {
            let mut held = self.0.lock();
            held.retain(|_, stream| stream.receiver_count() > 0);
            held.keys().copied().collect()
        };
        if ids.is_empty() {
            return Ok(());
        }
        // what is gone from the table has ended, too
        let over: Vec<Uuid> = sqlx::query_scalar(
            "SELECT x.id FROM unnest($1::uuid[]) AS x (id) WHERE NOT EXISTS (
                 SELECT 1 FROM sessions s WHERE s.id = x.id AND s.ended_at IS NULL AND s.expires_at > $2)",
        )
        .bind(&ids)
        .bind(now.0)
        .fetch_all(db.pool())
        .await?;
        let held = self.0.lock();
        for stream in over.iter().filter_map(|id| held.get(id)) {
            stream.send_replace(true);
        }
        Ok(())
    }
}

impl HeldSession {
    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes once it has ended, with what the stream is to be told.
    pub async fn over(&mut self) -> Refusal {
        // who holds the other half outlives every stream
        let _ = self.0.wait_for(|over| *over).await;
        Refusal::no_session("the session has ended, and the stream with it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_is_held_by_all_its_streams_and_forgotten_after_the_last() {
        let sessions = HeldSessions::default();
        let id = SessionId::generate();
        let (mut one, two) = (sessions.hold(id), sessions.hold(id));
        assert!(!one.is_over());
        sessions.0.lock()[&id.uuid()].send_replace(true);
        assert!(two.is_over());
        assert_eq!(one.over().await.message, "the session has ended, and the stream with it");
        drop((one, two));
        assert_eq!(sessions.0.lock()[&id.uuid()].receiver_count(), 0);
    }
}
