//! The doors: HTTP/1.1 and HTTP/2 (with prior knowledge, or by ALPN) on one port, TLS where it was set up.

mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

pub(crate) use tls::acceptor;

use crate::Drain;

/// Connections at once: each node holds one. Further callers wait in the system's backlog.
const MAX_CONNECTIONS: usize = 32_768;
/// How long a caller may take for a TLS handshake, its headers, or its first call.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// Calls at once on one HTTP/2 connection.
const MAX_H2_STREAMS: u32 = 1024;

/// A bound listener.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
}

/// Serves until the drain begins; then what is open may go on for `patience`.
pub(crate) async fn serve(door: Door, router: Router, drain: Drain, patience: Duration) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = door.listener.accept() => accepted,
            () = drain.started() => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // out of file descriptors, say: the backlog waits with us
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (router, drain, tls) = (router.clone(), drain.clone(), door.tls.clone());
        connections.spawn(async move {
            match tls {
                None => connection(stream, from, router, drain).await,
                Some(tls) => match tokio::time::timeout(HEADER_TIME, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, from, router, drain).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                },
            }
            drop(place);
        });
    }
    connections.close();
    if tokio::time::timeout(patience, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "connections were cut off");
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    from: SocketAddr,
    router: Router,
    drain: Drain,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_H2_STREAMS);
    builder.http2().keep_alive_interval(Duration::from_secs(30)).keep_alive_timeout(Duration::from_secs(20));
    let called = Arc::new(AtomicBool::new(false));
    let service = {
        let called = Arc::clone(&called);
        router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
            called.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(ConnectInfo(from));
            request
        })
    };
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = silent(&called) => {
            tracing::debug!("a connection made no call in time");
            return;
        }
        () = drain.started() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Completes when a connection has made no call in time. The time-outs of hyper begin only when it knows the version
/// of HTTP: a caller that sends nothing never gets there.
async fn silent(called: &AtomicBool) {
    tokio::time::sleep(HEADER_TIME).await;
    if called.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}
