//! A server that runs: opened, served, stopped.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::db::OpenDb;
use crate::listen::{self, Door, acceptor};
use crate::market::Market;
use crate::{Clock, Config, Drain, Ground, ServerError, background, router, traces};

/// An open server: it listens, and answers from [`Server::run`] on.
pub struct Server {
    ground: Ground,
    market: Market,
    database: OpenDb,
    public: Door,
    admin: Door,
    admin_address: SocketAddr,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.ground.config.listen.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens database, objects and listeners.
    ///
    /// # Errors
    /// Whatever of these cannot be opened.
    pub async fn open(mut config: Config, clock: Clock, drain: Drain) -> Result<Self, ServerError> {
        let (listener, address) = bind(config.listen.address).await?;
        let tls = config.listen.tls.as_ref().map(acceptor).transpose()?;
        let public = Door { listener, tls };
        let (listener, admin_address) = bind(config.listen.admin).await?;
        let admin = Door { listener, tls: None };
        config.listen = config.listen.listening(address);
        let database = OpenDb::open(&config).await?;
        database.db.migrate().await?;
        let ground = Ground::new(Arc::new(config), database.db.clone(), clock, drain).await?;
        let market = Market::new(&ground).await?;
        Ok(Self { ground, market, database, public, admin, admin_address })
    }

    /// What its services stand on.
    #[must_use]
    pub const fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Where metrics and health are read.
    #[must_use]
    pub const fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Serves until the drain begins, then finishes what is in flight. The order: `/readyz` says no, new calls are
    /// refused, streams and background tasks end, connections close, the private database stops.
    pub async fn run(self) {
        let Self { ground, market, database, public, admin, admin_address } = self;
        let mut tasks = JoinSet::new();
        background::start(&ground, &market, &database.options, &mut tasks);
        let address = ground.config.listen.address;
        let closed = Drain::default();
        let admin = tokio::spawn(listen::serve(
            admin,
            router::admin(&ground),
            closed.clone(),
            std::time::Duration::from_secs(1),
        ));
        tracing::info!(%address, admin.address = %admin_address, "serving");
        let (drain, patience) = (ground.drain.clone(), ground.config.listen.drain);
        listen::serve(public, router::public(&ground, &market), drain, patience).await;
        if tokio::time::timeout(patience, async { while tasks.join_next().await.is_some() {} }).await.is_err()
        {
            tracing::warn!(left = tasks.len(), "background tasks were cut off");
            tasks.shutdown().await;
        }
        traces::close(&market).await;
        closed.begin();
        let _ = admin.await;
        drop((ground, market));
        database.close().await;
        tracing::info!("stopped");
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let failed = |source| ServerError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
