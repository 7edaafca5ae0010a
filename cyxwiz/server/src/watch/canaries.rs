use cyxwiz_model::NodeId;
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::market::Market;
use crate::nodes::{canary, expire, to_try_again};

/// Now and then an idle node of this server is benchmarked again, at a moment that it cannot foresee. Who does not
/// answer, or not rightly, gets no work until he passes one.
pub(super) async fn look(market: &Market) -> Result<(), ServerError> {
    expire(market).await?;
    let nodes = market.streams.nodes();
    if nodes.is_empty() {
        return Ok(());
    }
    for node in to_try_again(market, &nodes).await? {
        canary(market, node).await?;
    }
    let mut dice = vec![0_u8; nodes.len().saturating_mul(4)];
    getrandom::fill(&mut dice).map_err(|error| ServerError::Said(error.to_string()))?;
    let (rolls, _) = dice.as_chunks::<4>();
    let rolls = rolls.iter().map(|roll| u32::from_le_bytes(*roll));
    // a look is made once a second
    let seconds = u32::try_from(market.ground.config.market.canary_every.0 / 1000).unwrap_or(u32::MAX);
    let chosen = nodes.into_iter().zip(rolls).filter(|(_, roll)| *roll < u32::MAX / seconds.max(1));
    for (node, _) in chosen {
        if is_idle(market, node).await? {
            canary(market, node).await?;
        }
    }
    Ok(())
}

/// Neither at work, for a benchmark beside a job would be slow and the job too, nor at a benchmark already, nor waiting
/// for the next after one that it did not pass.
async fn is_idle(market: &Market, node: NodeId) -> Result<bool, ServerError> {
    let idle: Option<Uuid> = sqlx::query_scalar(
        "SELECT node_id FROM node_offers WHERE node_id = $1 AND confirmed = hardware
            AND NOT EXISTS (SELECT 1 FROM attempts WHERE node_id = $1 AND released_at IS NULL)
            AND NOT EXISTS (SELECT 1 FROM benchmarks WHERE node_id = $1 AND passed IS NULL)",
    )
    .bind(node.uuid())
    .fetch_optional(market.pool())
    .await?;
    Ok(idle.is_some())
}
