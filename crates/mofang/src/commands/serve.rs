//! `mofang serve`
#![expect(
    clippy::doc_markdown,
    reason = "the comments are the help, which shows them as they are"
)]

use clap::Args;
use mofang_types::{Clock as _, SystemClock};

use crate::cli::DeviceArgs;
use crate::context::Context;
use crate::server::{Listeners, Server, bind};
use crate::signals;

/// Where to serve.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on [default: 127.0.0.1:8080] [env: MOFANG_SERVE_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// An address for gRPC (Open Inference Protocol), which is not served without one [env: MOFANG_SERVE_GRPC_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    grpc_listen: Option<String>,
    /// A second address, for /metrics without a key [env: MOFANG_SERVE_METRICS_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<String>,
    #[command(flatten)]
    device: DeviceArgs,
}

impl ServeArgs {
    /// The settings that these flags give.
    pub(crate) fn flags(&self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("serve.grpc_listen", self.grpc_listen.clone()),
            ("serve.listen", self.listen.clone()),
            ("serve.metrics_listen", self.metrics_listen.clone()),
            self.device.flag(),
        ]
    }
}

/// Runs the command until SIGTERM or Ctrl-C.
pub(crate) fn run(context: &Context, _args: &ServeArgs) -> anyhow::Result<()> {
    let clock = SystemClock::new();
    let listen = context
        .configuration
        .get("serve.listen")
        .unwrap_or_default();
    let optional = |key: &str, flag: &str| {
        let address = context.configuration.get(key);
        address.map(|address| bind(&address, flag)).transpose()
    };
    let mut local = context.local()?;
    let listeners = Listeners {
        http: bind(&listen, "--listen")?,
        metrics: optional("serve.metrics_listen", "--metrics-listen")?,
        grpc: optional("serve.grpc_listen", "--grpc-listen")?,
    };
    let grpc_address = listeners
        .grpc
        .as_ref()
        .map(std::net::TcpListener::local_addr)
        .transpose()?;
    let accounts = std::sync::Arc::clone(local.accounts()?);
    let has_users = accounts.has_users();
    let server = local.wait(async {
        Server::start(
            &context.configuration,
            local.platform(),
            accounts,
            listeners,
        )
    })?;
    let url = server.url();
    local.set_address(&url)?;
    tracing::info!(
        server.address = url,
        server.start_ms = u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX),
        "ready"
    );
    context.output.note(&format!(
        "serving {} on {url} (API: {url}/docs); Ctrl-C ends it",
        local.layout().root().display()
    ));
    if let Some(address) = grpc_address {
        context.output.note(&format!("gRPC on {address}"));
    }
    if !has_users {
        context.output.note(&format!(
            "there are no users yet; the first one becomes admin:\n  \
             curl {url}/v1/users -H 'Content-Type: application/json' -d '{{\"name\": \"admin\", \"password\": \"…\"}}'"
        ));
    }
    local.wait(signals::stopped())?;
    context
        .output
        .note("ending: no new requests, those that run are finished; again to end at once");
    let ended = local.wait(async {
        tokio::select! {
            ended = server.stop() => ended,
            again = signals::stopped() => again.and(Err(anyhow::anyhow!("ended before every request was finished"))),
        }
    });
    local.close();
    ended
}
