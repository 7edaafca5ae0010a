//! A server that runs: opened, served, stopped.

use std::net::SocketAddr;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::{Clock, Config, Db, Drain, Ground, ServerError, background, router};

/// An open server: it listens, and answers from [`Server::run`] on.
#[derive(Debug)]
pub struct Server {
    ground: Ground,
    public: TcpListener,
}

impl Server {
    /// Opens database, objects and listeners.
    ///
    /// # Errors
    /// Whatever of these cannot be opened.
    pub async fn open(mut config: Config, clock: Clock, drain: Drain) -> Result<Self, ServerError> {
        let public = bind(config.listen.address).await?;
        let address = local(&public, config.listen.address)?;
        config.listen = config.listen.listening(address);
        let Some(url) = &config.storage.database_url else {
            return Err(ServerError::Said("set DATABASE_URL".into()));
        };
        let options: PgConnectOptions = url.parse()?;
        let db = Db::new(options, config.storage.connections);
        db.migrate().await?;
        let ground = Ground::new(Arc::new(config), db, clock, drain).await?;
        Ok(Self { ground, public })
    }

    /// What its services stand on.
    #[must_use]
    pub const fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Serves until the drain begins, then finishes what is in flight.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn run(self) -> Result<(), ServerError> {
        let Self { ground, public } = self;
        let mut tasks = JoinSet::new();
        background::start(&ground, &mut tasks);
        let address = ground.config.listen.address;
        tracing::info!(%address, "serving");
        let drain = ground.drain.clone();
        axum::serve(public, router::public(&ground))
            .with_graceful_shutdown(async move { drain.started().await })
            .await
            .map_err(|source| ServerError::Listen { address, source })?;
        while tasks.join_next().await.is_some() {}
        Ok(())
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, source })
}

fn local(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, ServerError> {
    listener.local_addr().map_err(|source| ServerError::Listen { address, source })
}
