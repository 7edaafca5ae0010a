use cyxwiz_model::Moment;

use crate::{Db, ServerError};

/// Sessions that ended stay so long, for whoever asks what happened.
const KEPT_MS: i64 = 7 * 24 * 3600 * 1000;

/// Forgets challenges, tokens and sessions that are good for nothing any more.
pub(crate) async fn sweep(db: &Db, now: Moment) -> Result<(), ServerError> {
    for statement in [
        "DELETE FROM challenges WHERE expires_at <= $1 AND $2 > 0",
        "DELETE FROM tokens WHERE kind = 'access' AND expires_at <= $1 AND $2 > 0",
        "DELETE FROM sessions WHERE expires_at <= $1 OR ended_at <= $1 - $2",
    ] {
        sqlx::query(statement).bind(now.0).bind(KEPT_MS).execute(db.pool()).await?;
    }
    Ok(())
}
