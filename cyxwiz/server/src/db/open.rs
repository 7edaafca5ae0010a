use sqlx::postgres::PgConnectOptions;

use super::Db;
use crate::postgres::Postgres;
use crate::{Config, ServerError};

/// The configured database: the named one, or a private one that runs as long as this does.
#[derive(Debug)]
pub struct OpenDb {
    /// The database.
    pub db: Db,
    /// How to connect to it.
    pub options: PgConnectOptions,
    postgres: Option<Postgres>,
}

impl OpenDb {
    /// Connects, and starts a private PostgreSQL where none is named.
    ///
    /// # Errors
    /// A URL that is none; a private PostgreSQL that does not start.
    pub async fn open(config: &Config) -> Result<Self, ServerError> {
        let (options, postgres) = match &config.storage.database_url {
            Some(url) => (url.parse()?, None),
            None => {
                let postgres = Postgres::open(&config.storage.data.join("postgres")).await?;
                (postgres.options(), Some(postgres))
            }
        };
        let db = Db::new(options.clone(), config.storage.connections);
        Ok(Self { db, options, postgres })
    }

    /// Closes the connections, and stops a private PostgreSQL.
    pub async fn close(self) {
        self.db.pool().close().await;
        if let Some(postgres) = self.postgres {
            postgres.close().await;
        }
    }
}
