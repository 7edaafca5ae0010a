use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, middleware};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use rustix::process::{Resource, getrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{Semaphore, watch},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::{Guard, guard::guard};

/// Connections of one door at once; further callers wait in the system's backlog.
const MAX_CONNECTIONS: usize = 8192;
/// File descriptors that callers never get: blobs, outputs, the record and compilers need them.
const RESERVED: u64 = 512;
/// The Unix socket and TCP.
const DOORS: u64 = 2;
/// How long a caller may take for its headers, or a TLS handshake.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// Calls at once on one HTTP/2 connection.
const MAX_H2_STREAMS: u32 = 1024;
/// How long open calls may take when the node stops.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// A bound listener.
pub(crate) enum Door {
    Unix(UnixListener),
    Tcp { listener: TcpListener, tls: Option<TlsAcceptor> },
}

/// Serves `router` through `door` until `stop` says so.
pub(crate) async fn serve(door: Door, who: Guard, router: Router, mut stop: watch::Receiver<bool>) {
    let router = router.layer(middleware::from_fn_with_state(who, guard));
    let places = connections(getrlimit(Resource::Nofile).current);
    if places < MAX_CONNECTIONS {
        tracing::warn!(connections = places, "few file descriptors: `ulimit -n` bounds the connections");
    }
    let places = Arc::new(Semaphore::new(places));
    let connections = tokio_util::task::TaskTracker::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = accept(&door) => accepted,
            () = stopped(&mut stop) => break,
        };
        let (stream, tls) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // out of file descriptors, say: the backlog waits with us
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            match tls {
                None => connection(stream, router, stop).await,
                Some(tls) => match tokio::time::timeout(HEADER_TIME, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, router, stop).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                },
            }
            drop(place);
        });
    }
    connections.close();
    if tokio::time::timeout(CLOSE_TIME, connections.wait()).await.is_err() {
        tracing::debug!(open = connections.len(), "connections were cut off");
    }
}

/// How many connections one door may hold where the process may have so many files open.
fn connections(descriptors: Option<u64>) -> usize {
    let Some(all) = descriptors else { return MAX_CONNECTIONS };
    let free = all.saturating_sub(RESERVED.min(all / 2));
    usize::try_from(free / DOORS).unwrap_or(MAX_CONNECTIONS).clamp(1, MAX_CONNECTIONS)
}

/// Completes when a connection has made no call after [`HEADER_TIME`]. The time-outs of hyper
/// begin only when it knows the version of HTTP: a caller that sends nothing never gets there.
async fn silence(called: &AtomicBool) {
    tokio::time::sleep(HEADER_TIME).await;
    if called.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

/// Completes when the node stops; holds no lock of the channel meanwhile.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn accept(door: &Door) -> io::Result<(Box<dyn Stream>, Option<TlsAcceptor>)> {
    match door {
        Door::Unix(listener) => Ok((Box::new(listener.accept().await?.0), None)),
        Door::Tcp { listener, tls } => {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok((Box::new(stream), tls.clone()))
        }
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).pipeline_flush(true);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_H2_STREAMS);
    builder.http2().keep_alive_interval(Duration::from_secs(30)).keep_alive_timeout(Duration::from_secs(20));
    let called = Arc::new(AtomicBool::new(false));
    let service = {
        let called = Arc::clone(&called);
        router.map_request(move |request: http::Request<hyper::body::Incoming>| {
            called.store(true, Ordering::Relaxed);
            request
        })
    };
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = silence(&called) => {
            tracing::debug!("a connection made no call in time");
            return;
        }
        () = stopped(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_CONNECTIONS, connections};

    #[test]
    fn callers_leave_descriptors_for_the_node() {
        assert_eq!(connections(None), MAX_CONNECTIONS);
        assert_eq!(connections(Some(1 << 20)), MAX_CONNECTIONS);
        assert_eq!([16, 1024, 4096].map(|all| connections(Some(all))), [4, 256, 1792]);
        assert_eq!(connections(Some(0)), 1);
    }
}
