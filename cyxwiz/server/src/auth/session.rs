//! Sessions in the database.

use cyxwiz_chain::escrow::Address;
use cyxwiz_model::{AccountId, Moment, NodeId, SessionId, Span};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{Role, Secret, Token};
use crate::db::{DbId, address};
use crate::{Buyer, Caller, Db, NodeCaller, ServerError};

/// How long an access token is good.
pub(super) const ACCESS: Span = Span::seconds(15 * 60);
/// How long a refresh token is good.
pub(super) const REFRESH: Span = Span::seconds(30 * 24 * 3600);
/// A session's last use is written down at most so often.
const USED_EVERY: Span = Span::seconds(60);
/// Sessions of one account or node at once; the one that was used least recently ends when there are more.
const MAX_SESSIONS: i64 = 32;

/// A session's new tokens.
pub(super) struct Pair {
    pub(super) session: SessionId,
    pub(super) access: Token,
    pub(super) access_expires: Moment,
    pub(super) refresh: Token,
    pub(super) refresh_expires: Moment,
}

/// What became of a refresh token.
pub(super) enum Refreshed {
    /// Exchanged.
    Pair(Pair),
    /// Unknown, too old, or of a session that has ended.
    Unknown,
    /// Used before: whoever holds it now, one of the two is not the owner. The session has ended.
    Reused,
}

/// Opens a session for an address; its account or node is made at its first one.
pub(super) async fn open(
    db: &mut PgConnection,
    role: Role,
    who: &Address,
    now: Moment,
) -> Result<Pair, ServerError> {
    let (table, column) = match role {
        Role::Buyer => ("accounts", "wallet"),
        Role::Node => ("nodes", "identity_key"),
    };
    // the update that changes nothing makes the row come back
    let owner: Uuid = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "INSERT INTO {table} (id, {column}, created_at) VALUES ($1, $2, $3)
         ON CONFLICT ({column}) DO UPDATE SET {column} = excluded.{column} RETURNING id"
    )))
    .bind(Uuid::now_v7())
    .bind(who.to_string())
    .bind(now.0)
    .fetch_one(&mut *db)
    .await?;
    let session = SessionId::generate();
    let (account, node) = match role {
        Role::Buyer => (Some(owner), None),
        Role::Node => (None, Some(owner)),
    };
    sqlx::query(
        "INSERT INTO sessions (id, account_id, node_id, created_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $4, $4, $5)",
    )
    .bind(session.uuid())
    .bind(account)
    .bind(node)
    .bind(now.0)
    .bind(now.plus(REFRESH).0)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "UPDATE sessions SET ended_at = $3, ended_because = 'too many' WHERE id IN (
             SELECT id FROM sessions WHERE ended_at IS NULL AND (account_id = $1 OR node_id = $2)
             ORDER BY last_used_at DESC, id DESC OFFSET $4)",
    )
    .bind(account)
    .bind(node)
    .bind(now.0)
    .bind(MAX_SESSIONS)
    .execute(&mut *db)
    .await?;
    tokens(db, session, now).await
}

/// Why the node with this identity was banned, if it was.
pub(super) async fn banned(db: &mut PgConnection, identity: &Address) -> Result<Option<String>, ServerError> {
    let reason: Option<Option<String>> =
        sqlx::query_scalar("SELECT ban_reason FROM nodes WHERE identity_key = $1 AND banned_at IS NOT NULL")
            .bind(identity.to_string())
            .fetch_optional(db)
            .await?;
    Ok(reason.map(Option::unwrap_or_default))
}

/// Exchanges a refresh token.
pub(super) async fn refresh(
    db: &mut PgConnection,
    shown: &str,
    now: Moment,
) -> Result<Refreshed, ServerError> {
    // the session's row orders whoever comes with tokens of it
    let row = sqlx::query(
        "SELECT s.id, s.ended_at, t.used_at, t.expires_at FROM tokens t JOIN sessions s ON s.id = t.session_id
         WHERE t.hash = $1 AND t.kind = 'refresh' FOR UPDATE OF s, t",
    )
    .bind(Secret::of(shown).0.as_slice())
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(Refreshed::Unknown) };
    let session = SessionId::from_uuid(row.try_get(0)?);
    let (ended, used): (Option<i64>, Option<i64>) = (row.try_get(1)?, row.try_get(2)?);
    if ended.is_some() || row.try_get::<i64, _>(3)? <= now.0 {
        return Ok(Refreshed::Unknown);
    }
    if used.is_some() {
        end(db, session, "a refresh token was used twice", now).await?;
        return Ok(Refreshed::Reused);
    }
    sqlx::query("DELETE FROM tokens WHERE session_id = $1 AND kind = 'access'")
        .bind(session.uuid())
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE tokens SET used_at = $2 WHERE hash = $1")
        .bind(Secret::of(shown).0.as_slice())
        .bind(now.0)
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE sessions SET last_used_at = $2, expires_at = $3 WHERE id = $1")
        .bind(session.uuid())
        .bind(now.0)
        .bind(now.plus(REFRESH).0)
        .execute(&mut *db)
        .await?;
    tokens(db, session, now).await.map(Refreshed::Pair)
}

async fn tokens(db: &mut PgConnection, session: SessionId, now: Moment) -> Result<Pair, ServerError> {
    let (access, refresh) = (Token::generate()?, Token::generate()?);
    let (access_expires, refresh_expires) = (now.plus(ACCESS), now.plus(REFRESH));
    sqlx::query(
        "INSERT INTO tokens (hash, session_id, kind, expires_at)
         VALUES ($1, $3, 'access', $4), ($2, $3, 'refresh', $5)",
    )
    .bind(access.secret().0.as_slice())
    .bind(refresh.secret().0.as_slice())
    .bind(session.uuid())
    .bind(access_expires.0)
    .bind(refresh_expires.0)
    .execute(&mut *db)
    .await?;
    Ok(Pair { session, access, access_expires, refresh, refresh_expires })
}

/// Ends a session: its tokens are good for nothing from the next call on.
pub(super) async fn end(
    db: &mut PgConnection,
    session: SessionId,
    because: &str,
    now: Moment,
) -> Result<(), ServerError> {
    sqlx::query("UPDATE sessions SET ended_at = $2, ended_because = $3 WHERE id = $1 AND ended_at IS NULL")
        .bind(session.uuid())
        .bind(now.0)
        .bind(because)
        .execute(&mut *db)
        .await?;
    Ok(())
}

/// Who shows this access token.
pub(super) async fn resolve(db: &Db, shown: &str, now: Moment) -> Result<Caller, ServerError> {
    let row = sqlx::query(
        "SELECT s.id, s.last_used_at, a.id, a.wallet, n.id, n.identity_key
         FROM tokens t JOIN sessions s ON s.id = t.session_id
         LEFT JOIN accounts a ON a.id = s.account_id LEFT JOIN nodes n ON n.id = s.node_id
         WHERE t.hash = $1 AND t.kind = 'access' AND t.expires_at > $2 AND s.ended_at IS NULL",
    )
    .bind(Secret::of(shown).0.as_slice())
    .bind(now.0)
    .fetch_optional(db.pool())
    .await?;
    let Some(row) = row else { return Ok(Caller::Stranger) };
    let session = SessionId::from_uuid(row.try_get(0)?);
    let last_used = Moment(row.try_get(1)?);
    if now.since(last_used) >= USED_EVERY {
        sqlx::query("UPDATE sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2")
            .bind(session.uuid())
            .bind(now.0)
            .execute(db.pool())
            .await?;
    }
    let account: Option<Uuid> = row.try_get(2)?;
    if let Some(account) = account {
        let (account, wallet) = (AccountId::from_uuid(account), address(row.try_get(3)?)?);
        return Ok(Caller::Buyer(Buyer { account, wallet, session }));
    }
    let (node, identity) = (NodeId::from_uuid(row.try_get(4)?), address(row.try_get(5)?)?);
    Ok(Caller::Node(NodeCaller { node, identity, session }))
}
