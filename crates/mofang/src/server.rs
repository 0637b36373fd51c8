//! The server of this process: the services over the platform, on a listener, until it is stopped.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use mofang_accounts::Accounts;
use mofang_http::{AppState, HttpSettings, ServeOutcome, ServerSettings, Services};
use mofang_serving::{Serving, ServingSettings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::configuration::Configuration;
use crate::exit::Failure;
use crate::platform::Platform;

/// Where a server listens.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// For everything over HTTP.
    pub(crate) http: TcpListener,
    /// For metrics without a key.
    pub(crate) metrics: Option<TcpListener>,
    /// For the protocols over gRPC.
    pub(crate) grpc: Option<TcpListener>,
}

/// How long before the end of the drain texts that go on are ended, so that their last event still leaves.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<AppState>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<ServeOutcome>>,
    serving: Arc<Serving>,
    drain_timeout: Duration,
}

impl Server {
    /// Starts serving on the listeners within a runtime.
    pub(crate) fn start(
        configuration: &Configuration,
        platform: &Platform,
        accounts: Arc<Accounts>,
        listeners: Listeners,
    ) -> anyhow::Result<Self> {
        let http: HttpSettings = configuration.section("http")?;
        let connections: ServerSettings = configuration.section("connections")?;
        let serving: ServingSettings = configuration.section("serving")?;
        let drain_timeout = Duration::from_secs(connections.drain_timeout_seconds);
        let serving = Serving::new(
            Arc::clone(&platform.registry),
            serving,
            platform.runtime.clone(),
            Arc::clone(&platform.clock),
        );
        let services = Services {
            accounts,
            registry: Arc::clone(&platform.registry),
            serving: Arc::clone(&serving),
            datasets: Arc::clone(&platform.datasets),
            runtime: platform.runtime.clone(),
            clock: Arc::clone(&platform.clock),
            ids: Arc::clone(&platform.ids),
        };
        let state = AppState::new(services, http);
        let address = listeners
            .http
            .local_addr()
            .context("failed to read the address of the listener")?;
        let stop = CancellationToken::new();
        let mut tasks = vec![tokio::spawn(mofang_http::serve(
            into_tokio(listeners.http)?,
            mofang_http::app(&state),
            connections.clone(),
            stop.clone().cancelled_owned(),
        ))];
        if let Some(listener) = listeners.metrics {
            tasks.push(tokio::spawn(mofang_http::serve(
                into_tokio(listener)?,
                mofang_http::metrics_app(&state),
                connections.clone(),
                stop.clone().cancelled_owned(),
            )));
        }
        if let Some(listener) = listeners.grpc {
            tasks.push(tokio::spawn(mofang_http::serve_http2(
                into_tokio(listener)?,
                mofang_http::grpc_app(&state),
                connections,
                stop.clone().cancelled_owned(),
            )));
        }
        Ok(Self {
            address,
            state,
            stop,
            tasks,
            serving,
            drain_timeout,
        })
    }

    /// The address as a client writes it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests, lets those that run end, and unloads the models.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        // Streams that have no end of their own end by this.
        self.state.begin_shutdown();
        self.stop.cancel();
        // Connections are cut when the time is over; texts that still go on then say so a little earlier.
        let serving = Arc::clone(&self.serving);
        let rest = self.drain_timeout.saturating_sub(LAST_WORDS);
        let ending = tokio::spawn(async move {
            tokio::time::sleep(rest).await;
            serving.drain(Duration::ZERO).await;
        });
        let mut cut = 0;
        for task in self.tasks {
            cut += task
                .await
                .context("failed to end the server")?
                .cut_connections;
        }
        ending.abort();
        self.serving.drain(self.drain_timeout).await;
        if cut > 0 {
            anyhow::bail!("failed to end in time: {cut} requests were cut");
        }
        Ok(())
    }
}

fn into_tokio(listener: TcpListener) -> anyhow::Result<tokio::net::TcpListener> {
    listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener))
        .context("failed to prepare the listener")
}

/// Binds a listener; the error says what to do when the port is taken: `flag` is where the address
/// comes from.
pub(crate) fn bind(text: &str, flag: &str) -> anyhow::Result<TcpListener> {
    let address: SocketAddr = text.parse().map_err(|_| {
        Failure::bad_input(format!(
            "failed to read \"{text}\" as an address to listen on; write it like 127.0.0.1:8080"
        ))
    })?;
    TcpListener::bind(address)
        .with_context(|| format!("failed to listen on {address}; name another address with {flag}"))
}
