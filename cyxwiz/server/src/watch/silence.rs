use cyxwiz_model::{LOST_AFTER, Liveness, Moment, Reason, Span};
use futures::{StreamExt as _, stream};
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::lock;
use crate::market::Market;
use crate::nodes::{Attempt, End, attempts, finish};

/// Without a server for so long, beats were lost that nodes sent: the clock of silence starts anew.
const OUTAGE_MS: i64 = 5_000;
/// How often it is noted that there is a server.
const NOTE: Span = Span::seconds(1);
/// How long nobody looks although nobody is due. A node gets work only while it is not suspect, so that an attempt which
/// the last look did not see is not due before this, and time for its round, is over.
const NEW: Span = Span::seconds(5);
/// Attempts that are given up at once: a fraction of the connections to the database.
const TOGETHER: usize = 4;

/// Attempts whose nodes are silent for too long go elsewhere, at the moment when they are.
#[derive(Debug)]
pub(super) struct Silence {
    /// When it was last noted that there is a server, and since when there was one without a gap.
    noted: Option<(Moment, Moment)>,
    /// Nobody is lost before.
    due: Moment,
}

impl Silence {
    pub(super) const fn new() -> Self {
        Self { noted: None, due: Moment(0) }
    }

    /// To be called often, with every beat in the tables: it looks into them only when somebody may be lost.
    pub(super) async fn look(&mut self, market: &Market) -> Result<(), ServerError> {
        let now = market.now();
        let up_since = self.note(market, now).await?;
        if now < self.due {
            return Ok(());
        }
        // by the index of open attempts, and each node by its key: an index on beats would be written with every beat
        let open: Vec<(Uuid, i64)> = sqlx::query_as(
            "SELECT a.id, b.last_beat FROM attempts a JOIN node_beats b ON b.node_id = a.node_id
             WHERE a.released_at IS NULL ORDER BY b.last_beat LIMIT $1",
        )
        .bind(super::AT_ONCE)
        .fetch_all(market.pool())
        .await?;
        let heard = |beat: i64| Moment(beat).max(up_since);
        let lost: Vec<Uuid> = open
            .iter()
            .take_while(|(_, beat)| Liveness::of(heard(*beat), now) == Liveness::Lost)
            .map(|(attempt, _)| *attempt)
            .collect();
        stream::iter(&lost)
            .for_each_concurrent(TOGETHER, |attempt| async move {
                super::said("a lost node", lose(market, *attempt, up_since, now).await);
            })
            .await;
        self.due = match lost.len() {
            0 => next(open.first().map(|(_, beat)| heard(*beat)), now),
            // there may be more, and one that could not be given up is tried again
            _ => now,
        };
        Ok(())
    }

    /// Notes that there is a server; tells since when there was one without a gap.
    async fn note(&mut self, market: &Market, now: Moment) -> Result<Moment, ServerError> {
        if let Some((noted, since)) = self.noted
            && now >= noted
            && now.since(noted) < NOTE
        {
            return Ok(since);
        }
        let since = up_since(market, now).await?;
        self.noted = Some((now, since));
        Ok(since)
    }
}

/// When to look again, where nobody is lost and the longest silence began so.
fn next(heard: Option<Moment>, now: Moment) -> Moment {
    let unseen = now.plus(NEW);
    heard.map_or(unseen, |heard| heard.plus(LOST_AFTER).plus(Span(1)).min(unseen))
}

async fn up_since(market: &Market, now: Moment) -> Result<Moment, ServerError> {
    let since: i64 = sqlx::query_scalar(
        "INSERT INTO uptime AS u (up_since, seen_at) VALUES ($1, $1)
         ON CONFLICT (one) DO UPDATE SET seen_at = greatest(u.seen_at, $1),
            up_since = CASE WHEN $1 - u.seen_at > $2 THEN $1 ELSE u.up_since END
         RETURNING up_since",
    )
    .bind(now.0)
    .bind(OUTAGE_MS)
    .fetch_one(market.pool())
    .await?;
    Ok(Moment(since))
}

async fn lose(market: &Market, id: Uuid, up_since: Moment, now: Moment) -> Result<(), ServerError> {
    let found: Option<Attempt> =
        sqlx::query_as(attempts!("WHERE a.id = $1")).bind(id).fetch_optional(market.pool()).await?;
    let Some(found) = found else { return Ok(()) };
    let mut tx = market.begin().await?;
    let Some(mut job) = lock(&mut tx, found.job).await? else { return Ok(()) };
    // it may have come back while the row was waited for
    let beat: i64 = sqlx::query_scalar("SELECT last_beat FROM node_beats WHERE node_id = $1")
        .bind(found.node.uuid())
        .fetch_one(&mut *tx)
        .await?;
    let lost = Liveness::of(Moment(beat).max(up_since), now) == Liveness::Lost;
    if lost && job.attempt == Some(found.id) && job.state.has_node() {
        let end = End::by_server(Reason::NodeLost, "its node fell silent");
        finish(market, &mut tx, &mut job, &found, end, now).await?;
        market.figures.lost.inc();
        tracing::warn!(node.id = %found.node, job.id = %job.id, "a node was lost");
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_is_looked_for_before_somebody_may_be_lost() {
        let now = Moment(100_000);
        assert_eq!(next(None, now), Moment(105_000));
        // one that has just beaten
        assert_eq!(next(Some(now), now), Moment(105_000));
        // one that is silent for 15 s
        assert_eq!(next(Some(Moment(85_000)), now), Moment(104_501));
    }

    proptest! {
        #[test]
        fn the_next_look_is_in_time_for_who_is_silent(silent in 0_i64..19_501, later in 0_i64..30_000) {
            let (now, heard) = (Moment(100_000), Moment(100_000 - silent));
            let then = Moment(now.0 + later);
            // whoever is lost by then was looked for
            if Liveness::of(heard, then) == Liveness::Lost {
                prop_assert!(next(Some(heard), now) <= then);
            }
        }
    }
}
