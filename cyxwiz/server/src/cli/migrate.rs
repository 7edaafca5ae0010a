use crate::db::OpenDb;
use crate::{Config, ServerError};

/// Brings the tables up to date.
pub(super) async fn run(config: Config) -> Result<(), ServerError> {
    let database = OpenDb::open(&config).await?;
    let migrated = database.db.migrate().await;
    database.close().await;
    migrated
}
