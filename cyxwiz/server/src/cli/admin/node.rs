use clap::Subcommand;
use cyxwiz_model::{Moment, NodeId};
use serde_json::{Value, json};

use super::noted;
use crate::db::DbId as _;
use crate::{Db, ServerError};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum NodeVerb {
    /// Give a node no more work and end its sessions
    Ban {
        /// Its id
        id: NodeId,
        /// What its owner is told
        #[arg(long, default_value = "banned by the platform")]
        reason: String,
    },
    /// Let it back in
    Unban {
        /// Its id
        id: NodeId,
    },
}

pub(super) async fn run(verb: NodeVerb, db: &Db, now: Moment) -> Result<Value, ServerError> {
    let (id, banned) = match &verb {
        NodeVerb::Ban { id, reason } => (id, Some((now, reason))),
        NodeVerb::Unban { id } => (id, None),
    };
    let mut transaction = db.pool().begin().await?;
    let changed = sqlx::query("UPDATE nodes SET banned_at = $2, ban_reason = $3 WHERE id = $1")
        .bind(id.uuid())
        .bind(banned.map(|(at, _)| at.0))
        .bind(banned.map(|(_, reason)| reason))
        .execute(&mut *transaction)
        .await?;
    if changed.rows_affected() == 0 {
        return Err(ServerError::Said(format!("there is no node {id}")));
    }
    if banned.is_some() {
        sqlx::query("UPDATE sessions SET ended_at = $2, ended_because = 'banned' WHERE node_id = $1 AND ended_at IS NULL")
            .bind(id.uuid())
            .bind(now.0)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    let verb = if banned.is_some() { "node ban" } else { "node unban" };
    noted(db, verb, json!({ "node": id.to_string(), "banned": banned.is_some() })).await
}
