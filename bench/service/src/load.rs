//! A closed-loop load: so many connections, each asking again as soon as it has its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::bail;
use mofang_types::{Clock as _, SystemClock};

use crate::connection::Connection;
use crate::summary::Summary;

/// Requests of each connection before the measurement begins.
const WARM_UP_REQUESTS: usize = 200;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Load {
    address: SocketAddr,
    request: Arc<[u8]>,
}

/// How much and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    pub(crate) requests_max: usize,
}

impl Load {
    /// A POST of `body`.
    ///
    /// # Errors
    /// When the address is not a loopback address.
    pub(crate) fn new(
        address: SocketAddr,
        key: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> anyhow::Result<Self> {
        if !address.ip().is_loopback() {
            bail!("{address} is not on this machine; the load generator is for loopback only");
        }
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        Ok(Self {
            address,
            request: request.into(),
        })
    }

    /// Measures once, on one thread.
    ///
    /// # Errors
    /// When any answer is not a 200.
    pub(crate) fn run(&self, bounds: &Bounds) -> anyhow::Result<Summary> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.measure(bounds))
    }

    async fn measure(&self, bounds: &Bounds) -> anyhow::Result<Summary> {
        let mut connections = Vec::with_capacity(bounds.connections);
        for _ in 0..bounds.connections {
            connections.push(Connection::open(self.address).await?);
        }
        // Side by side: one after the other, the first would be closed as idle before the last is warm.
        let warm_ups = connections.iter_mut().map(async |connection| {
            for _ in 0..WARM_UP_REQUESTS {
                connection.ask(&self.request).await?;
            }
            anyhow::Ok(())
        });
        futures::future::try_join_all(warm_ups).await?;
        let clock = Arc::new(SystemClock::new());
        let left = Arc::new(AtomicUsize::new(bounds.requests_max));
        let end = bounds.time;
        let started = clock.monotonic();
        let mut tasks = tokio::task::JoinSet::new();
        for mut connection in connections {
            let (clock, left) = (Arc::clone(&clock), Arc::clone(&left));
            let request = Arc::clone(&self.request);
            tasks.spawn(async move {
                let mut latencies = Vec::new();
                let take = |left: usize| left.checked_sub(1);
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                    .is_ok()
                {
                    let asked = clock.monotonic();
                    if asked.saturating_sub(started) >= end {
                        break;
                    }
                    connection.ask(&request).await?;
                    latencies.push(clock.monotonic().saturating_sub(asked));
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = Vec::new();
        while let Some(one) = tasks.join_next().await {
            latencies.extend(one??);
        }
        let took = clock.monotonic().saturating_sub(started);
        Summary::new(bounds.connections, latencies, took)
    }
}
