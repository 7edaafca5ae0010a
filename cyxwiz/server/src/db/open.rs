use sqlx::postgres::PgConnectOptions;

use super::Db;
use crate::postgres::Postgres;
use crate::{Config, ServerError};

/// The setting of a connection that lets the tables note what has ended; see the migration `traces`.
const TRACED: &str = "cyxwiz.traced";

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
        // the tables keep what is to be told only where somebody tells it
        let traced = config.telemetry.export().is_some();
        let own = if traced { options.clone().options([(TRACED, "on")]) } else { options.clone() };
        let db = Db::new(own, config.storage.connections);
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
