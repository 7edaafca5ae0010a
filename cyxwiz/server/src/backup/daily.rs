use cyxwiz_model::Moment;
use sqlx::postgres::PgConnectOptions;

use super::{forget_old, make};
use crate::{Ground, ServerError};

/// A backup that was begun so long ago and is not there was begun by a server that died.
const GIVEN_UP_MS: i64 = 3600 * 1000;

/// Makes the day's backup, if it is due and no other server makes it.
///
/// # Errors
/// The database, `pg_dump` or the folder failed.
pub async fn turn(ground: &Ground, options: &PgConnectOptions) -> Result<(), ServerError> {
    let (config, now) = (&ground.config.storage.backup, ground.clock.now());
    let Some(day) = due(config.hour, now) else { return Ok(()) };
    let claimed = sqlx::query(
        "INSERT INTO backups (day, started_at) VALUES ($1, $2)
         ON CONFLICT (day) DO UPDATE SET started_at = excluded.started_at
         WHERE backups.done_at IS NULL AND backups.started_at <= $2 - $3",
    )
    .bind(&day)
    .bind(now.0)
    .bind(GIVEN_UP_MS)
    .execute(ground.db.pool())
    .await?;
    if claimed.rows_affected() == 0 {
        return Ok(());
    }
    let backup = make(&ground.config, options, &ground.db, now).await?;
    sqlx::query("UPDATE backups SET done_at = $2, name = $3 WHERE day = $1")
        .bind(&day)
        .bind(ground.clock.now().0)
        .bind(&backup.name)
        .execute(ground.db.pool())
        .await?;
    forget_old(&config.folder, config.kept)?;
    tracing::info!(backup.name, backup.bytes = backup.about.bytes, "made the day's backup");
    Ok(())
}

/// The day whose backup is due at this time of day.
fn due(hour: Option<u8>, now: Moment) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
    (i16::from(at.hour()) >= i16::from(hour?)).then(|| at.date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_once_the_hour_has_come() {
        let two = Moment(1_790_042_400_000);
        assert_eq!(due(Some(2), two).as_deref(), Some("2026-09-22"));
        assert_eq!(due(Some(3), two), None);
        assert_eq!(due(None, two), None);
    }
}
