//! The `http` section of the configuration.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use mofang_types::ModelReference;
use serde::{Deserialize, Serialize};

/// What the interface accepts, how long it waits, and whom it believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// The largest body of a prediction.
    pub body_limit_bytes: usize,
    /// The largest body of everything else.
    pub json_limit_bytes: usize,
    /// The largest body of an import.
    pub import_limit_bytes: usize,
    /// How many inputs one request may carry.
    pub inputs_max: usize,
    /// The model that `/invocations` asks when the request names none, e.g. `digits@production`.
    pub invocations_model: Option<ModelReference>,
    /// How long a body may arrive without progress.
    pub body_timeout_seconds: u64,
    /// How long an evaluation may take.
    pub evaluation_timeout_seconds: u64,
    /// Whether `/docs` and `/openapi.json` answer everybody.
    pub public_docs: bool,
    /// Whether they answer whoever comes from this machine itself, without a proxy.
    pub docs_from_loopback: bool,
    /// Proxies whose `X-Forwarded-For` is believed; nobody's by default.
    pub trusted_proxies: BTreeSet<IpAddr>,
    /// Origins besides the server's own that pages using the session cookie may come from.
    pub allowed_origins: BTreeSet<String>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            body_limit_bytes: 32 << 20,
            json_limit_bytes: 64 << 10,
            import_limit_bytes: 1 << 30,
            inputs_max: 256,
            invocations_model: None,
            body_timeout_seconds: 30,
            evaluation_timeout_seconds: 600,
            public_docs: false,
            docs_from_loopback: true,
            trusted_proxies: BTreeSet::new(),
            allowed_origins: BTreeSet::new(),
        }
    }
}

impl HttpSettings {
    /// How long a body may arrive without progress.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.body_timeout_seconds)
    }

    /// How long an evaluation may take.
    pub fn evaluation_timeout(&self) -> Duration {
        Duration::from_secs(self.evaluation_timeout_seconds)
    }
}
