use sqlx::postgres::PgConnectOptions;

use crate::{Config, Db, ServerError};

/// Brings the tables up to date.
pub(super) async fn run(config: Config) -> Result<(), ServerError> {
    let Some(url) = &config.storage.database_url else {
        return Err(ServerError::Said("set DATABASE_URL".into()));
    };
    let options: PgConnectOptions = url.parse()?;
    Db::new(options, config.storage.connections).migrate().await
}
