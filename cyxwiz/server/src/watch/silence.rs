use cyxwiz_model::{Liveness, Moment, Reason};
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::lock;
use crate::market::Market;
use crate::nodes::{Attempt, End, attempts, finish};

/// Without a server for so long, beats were lost that nodes sent: the clock of silence starts anew.
const OUTAGE_MS: i64 = 5_000;

/// Attempts whose nodes are silent for too long go elsewhere.
pub(super) async fn look(market: &Market) -> Result<(), ServerError> {
    let now = market.now();
    let up_since = up_since(market, now).await?;
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT a.id, b.last_beat FROM attempts a JOIN node_beats b ON b.node_id = a.node_id
         WHERE a.released_at IS NULL AND b.last_beat < $1 LIMIT $2",
    )
    .bind(now.0.saturating_sub(i64::try_from(cyxwiz_model::SUSPECT_AFTER.0).unwrap_or(i64::MAX)))
    .bind(super::AT_ONCE)
    .fetch_all(market.pool())
    .await?;
    for (attempt, last_beat) in rows {
        let heard = Moment(last_beat).max(up_since);
        if Liveness::of(heard, now) == Liveness::Lost {
            lose(market, attempt, now).await?;
        }
    }
    Ok(())
}

/// Notes that there is a server, and reads since when there was one without a gap.
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

async fn lose(market: &Market, id: Uuid, now: Moment) -> Result<(), ServerError> {
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
    let alive = Liveness::of(Moment(beat), now) == Liveness::Alive;
    if !alive && job.attempt == Some(found.id) && job.state.has_node() {
        let end = End::by_server(Reason::NodeLost, "its node fell silent");
        finish(market, &mut tx, &mut job, &found, end, now).await?;
        market.figures.lost.inc();
        tracing::warn!(node.id = %found.node, job.id = %job.id, "a node was lost");
    }
    tx.commit().await?;
    Ok(())
}
