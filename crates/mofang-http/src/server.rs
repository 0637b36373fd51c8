//! The accept loop: HTTP/1.1, or HTTP/2 for gRPC, with limits on connections and headers, and an
//! orderly end (REL-23).
//!
//! TLS is the business of a proxy in front. Bodies have their own clock, in `body`.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::future::RouteFuture;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
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

/// Serves `router` over HTTP/1.1 on `listener` until `shutdown` is ready, then lets what runs end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServerSettings,
    shutdown: impl Future<Output = ()>,
) -> ServeOutcome {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout(&settings))
        .max_buf_size(settings.header_limit_bytes.max(8 << 10));
    accept_until(listener, &settings, shutdown, |stream, peer, watcher| {
        let service = service_fn(with_peer(router.clone(), peer));
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        watcher.watch(connection)
    })
    .await
}

/// Serves `router` over HTTP/2 without TLS, as gRPC speaks it; otherwise as [`serve`].
pub async fn serve_http2(
    listener: TcpListener,
    router: Router,
    settings: ServerSettings,
    shutdown: impl Future<Output = ()>,
) -> ServeOutcome {
    let timeout = header_timeout(&settings);
    let header_limit = u32::try_from(settings.header_limit_bytes.max(8 << 10));
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(header_limit.unwrap_or(u32::MAX))
        // A large tensor need not wait for a window to be granted every 64 KiB.
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        // A client that is gone without a word is found out.
        .keep_alive_interval(Some(timeout))
        .keep_alive_timeout(timeout);
    accept_until(listener, &settings, shutdown, |stream, peer, watcher| {
        let service = service_fn(with_peer(router.clone(), peer));
        let builder = builder.clone();
        async move {
            // The protocol itself sets no limit to the time before its first bytes.
            if !tokio::time::timeout(timeout, has_preface(&stream))
                .await
                .unwrap_or(false)
            {
                return Ok(());
            }
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            watcher.watch(connection).await
        }
    })
    .await
}

/// How many requests of one connection over HTTP/2 run at once.
const STREAMS_MAX: u32 = 256;

/// What a connection over HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Waits until the first bytes are there, without taking them; whether they are those of HTTP/2.
async fn has_preface(stream: &TcpStream) -> bool {
    let mut bytes = [0; PREFACE.len()];
    loop {
        match stream.peek(&mut bytes).await {
            Ok(count) if count == PREFACE.len() => return bytes == PREFACE,
            Ok(count) if count > 0 && PREFACE.starts_with(bytes.get(..count).unwrap_or(&[])) => {
                // What is there already makes the next look return at once.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(_) | Err(_) => return false,
        }
    }
}

fn header_timeout(settings: &ServerSettings) -> Duration {
    Duration::from_secs(settings.header_timeout_seconds.max(1))
}

/// The router for one connection: it tells each request where it comes from.
fn with_peer(
    router: Router,
    peer: IpAddr,
) -> impl Fn(Request<Incoming>) -> RouteFuture<Infallible> + Clone {
    move |mut request| {
        request.extensions_mut().insert(PeerAddress(peer));
        router.clone().call(request)
    }
}

/// Accepts connections until `shutdown` is ready, runs each by `connection`, and waits for their end.
async fn accept_until<C>(
    listener: TcpListener,
    settings: &ServerSettings,
    shutdown: impl Future<Output = ()>,
    connection: impl Fn(TcpStream, IpAddr, Watcher) -> C,
) -> ServeOutcome
where
    C: Future<Output = hyper::Result<()>> + Send + 'static,
{
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
        let connection = connection(stream, peer, graceful.watcher());
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
) -> Option<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
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
