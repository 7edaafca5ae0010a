use tokio::signal::unix::{SignalKind, signal};

use crate::{Clock, Config, Drain, ServerError, serve};

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(config: Config) -> Result<(), ServerError> {
    let drain = Drain::default();
    let asked = drain.clone();
    // from now on: who is told to stop while he starts stops as well
    let mut terminate = signal(SignalKind::terminate()).map_err(ServerError::path("SIGTERM"))?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        asked.begin();
    });
    let server = serve::Server::open(config, Clock::system(), drain).await?;
    server.run().await;
    Ok(())
}
