//! The accept loop: HTTP/1.1 with limits on connections and headers, and an orderly end (REL-23).
//!
//! TLS and HTTP/2 are the business of a proxy in front. Bodies have their own clock, in `body`.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::Service as _;

/// The `server` section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// How long a client may take to send the headers of a request; also how long an idle
    /// connection is kept.
    pub header_timeout_seconds: u64,
    /// The largest request line and headers together.
    pub header_limit_bytes: usize,
    /// How many connections are open at once; further ones wait to be accepted.
    pub connections_max: usize,
    /// How long requests that run at shutdown may go on.
    pub drain_timeout_seconds: u64,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            header_timeout_seconds: 10,
            header_limit_bytes: 64 << 10,
            connections_max: 10_000,
            drain_timeout_seconds: 30,
        }
    }
}

/// The address of the other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeOutcome {
    /// Connections that were cut because their requests did not end in time.
    pub cut_connections: usize,
}

/// Serves `router` on `listener` until `shutdown` is ready, then lets what runs end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServerSettings,
    shutdown: impl Future<Output = ()>,
) -> ServeOutcome {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(settings.header_timeout_seconds.max(1)))
        .max_buf_size(settings.header_limit_bytes.max(8 << 10));
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(settings.connections_max.max(1)));
    let mut connections = tokio::task::JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else {
            continue;
        };
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(peer));
            router.clone().call(request)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // Broken and slow connections end here; there is nobody left to tell.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    let drain = Duration::from_secs(settings.drain_timeout_seconds);
    if tokio::time::timeout(drain, graceful.shutdown())
        .await
        .is_err()
    {
        let cut_connections = connections.len();
        tracing::warn!(
            connections.cut = cut_connections,
            "requests were still running when the drain time was over"
        );
        connections.shutdown().await;
        return ServeOutcome { cut_connections };
    }
    ServeOutcome { cut_connections: 0 }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(
    tokio::net::TcpStream,
    IpAddr,
    tokio::sync::OwnedSemaphorePermit,
)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are small and complete: waiting to fill a packet only delays them.
            let _ = stream.set_nodelay(true);
            Some((stream, peer.ip(), place))
        }
        Err(error) => {
            // Out of descriptors, for one: spinning would make it worse.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
