use cyxwiz_model::NodeId;
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::market::Market;
use crate::nodes::canary;

/// Looks (one a second) between two benchmarks of a node, on average.
const SELDOM: u32 = 4 * 3600;

/// Now and then an idle node of this server is benchmarked again, at a moment that it cannot foresee.
pub(super) async fn look(market: &Market) -> Result<(), ServerError> {
    let nodes = market.streams.nodes();
    let mut dice = vec![0_u8; nodes.len().saturating_mul(4)];
    getrandom::fill(&mut dice).map_err(|error| ServerError::Said(error.to_string()))?;
    let (rolls, _) = dice.as_chunks::<4>();
    let chosen =
        nodes.into_iter().zip(rolls).filter(|(_, roll)| u32::from_le_bytes(**roll) < u32::MAX / SELDOM);
    for (node, _) in chosen {
        if is_idle(market, node).await? {
            canary(market, node).await?;
        }
    }
    Ok(())
}

/// A benchmark beside a job would be slow, and the job too.
async fn is_idle(market: &Market, node: NodeId) -> Result<bool, ServerError> {
    let busy: Option<Uuid> =
        sqlx::query_scalar("SELECT id FROM attempts WHERE node_id = $1 AND released_at IS NULL LIMIT 1")
            .bind(node.uuid())
            .fetch_optional(market.pool())
            .await?;
    Ok(busy.is_none())
}
