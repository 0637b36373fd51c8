//! The test application behind a socket.

use std::net::SocketAddr;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use mofang_http::{Router, ServeOutcome, ServerSettings, serve, serve_http2};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server on a port of this machine; it ends when it is dropped or stopped.
#[derive(Debug)]
pub struct TestServer {
    /// Where it listens.
    pub address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<ServeOutcome>,
}

impl TestServer {
    pub(crate) async fn start(router: Router, settings: ServerSettings) -> std::io::Result<Self> {
        Self::run(|listener, stopped| tokio::spawn(serve(listener, router, settings, stopped)))
            .await
    }

    pub(crate) async fn start_http2(
        router: Router,
        settings: ServerSettings,
    ) -> std::io::Result<Self> {
        Self::run(|listener, stopped| {
            tokio::spawn(serve_http2(listener, router, settings, stopped))
        })
        .await
    }

    async fn run(
        spawn: impl FnOnce(TcpListener, BoxFuture<'static, ()>) -> JoinHandle<ServeOutcome>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (shutdown, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        Ok(Self {
            address,
            shutdown: Some(shutdown),
            task: spawn(listener, stopped.boxed()),
        })
    }

    /// Tells the server to stop, without waiting for it.
    pub fn begin_shutdown(&mut self) {
        if let Some(shutdown) = self.shutdown.take() {
            let _ = shutdown.send(());
        }
    }

    /// Stops the server and waits until what runs has ended.
    ///
    /// # Panics
    /// When the server panicked.
    pub async fn stop(mut self) -> ServeOutcome {
        self.begin_shutdown();
        match self.task.await {
            Ok(outcome) => outcome,
            Err(error) => panic!("the server did not end: {error}"),
        }
    }
}
