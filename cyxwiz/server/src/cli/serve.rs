use crate::{Clock, Config, Drain, ServerError, serve};

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(config: Config) -> Result<(), ServerError> {
    let drain = Drain::default();
    let server = serve::Server::open(config, Clock::system(), drain.clone()).await?;
    tokio::spawn(async move {
        stop_asked().await;
        drain.begin();
    });
    server.run().await;
    Ok(())
}

async fn stop_asked() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
