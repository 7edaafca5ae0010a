use object_store::{ObjectStoreExt as _, path::Path};
use sqlx::postgres::PgConnectOptions;

use super::dump::{client, run};
use super::{Backup, DUMP, list};
use crate::{Config, Db, Files, ServerError};

/// Objects that a restored database names and the store does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// How many are named.
    pub named: u64,
    /// Which are gone, or have another size.
    pub gone: Vec<String>,
}

/// Restores a backup (`latest` for the newest) into a database without tables.
///
/// # Errors
/// No such backup; a database that is not empty; `pg_restore` failed.
pub async fn restore(
    config: &Config,
    options: &PgConnectOptions,
    db: &Db,
    name: &str,
) -> Result<Backup, ServerError> {
    let folder = &config.storage.backup.folder;
    let all = list(folder)?;
    let found = all.into_iter().find(|backup| name == "latest" || backup.name == name);
    let backup = found.ok_or_else(|| {
        ServerError::Said(format!("there is no backup `{name}` in `{}`: see `backup list`", folder.display()))
    })?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .fetch_one(db.pool())
        .await?;
    if tables > 0 {
        let message =
            "the database is not empty: restore into a new one (another --data folder, or a new database)";
        return Err(ServerError::Said(message.to_owned()));
    }
    let mut command = client(config, options, "pg_restore")?;
    command.args(["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]);
    command.arg(backup.folder.join(DUMP));
    run(command, "pg_restore").await?;
    Ok(backup)
}

impl Files {
    /// Compares the objects that files name with what the store has.
    ///
    /// # Errors
    /// The database or the store failed.
    pub async fn missing(&self) -> Result<Missing, ServerError> {
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT object, size FROM file_parts ORDER BY object")
            .fetch_all(self.db().pool())
            .await?;
        let mut missing = Missing { named: rows.len() as u64, gone: Vec::new() };
        for (object, size) in rows {
            match self.objects().head(&Path::from(object.as_str())).await {
                Ok(there) if i64::try_from(there.size).is_ok_and(|there| there == size) => {}
                Ok(_) | Err(object_store::Error::NotFound { .. }) => missing.gone.push(object),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(missing)
    }
}
