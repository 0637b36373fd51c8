//! Who asked what how often, counted in memory and shown by `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::Method;
use parking_lot::RwLock;

/// Series of one kind before further ones are counted together under `other`.
const SERIES_MAX: usize = 10_000;

/// Upper bounds of the duration histogram, in seconds.
pub(crate) const DURATION_BOUNDS: [f64; 14] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 10.0,
];

/// Whom a request is counted for: `key:ID` or `user:ID`. Ids are no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallerLabel(String);

impl CallerLabel {
    pub(crate) fn new(user_id: &str, key_id: Option<&str>) -> Self {
        Self(key_id.map_or_else(|| format!("user:{user_id}"), |key| format!("key:{key}")))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A route with its method and the status of the answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteKey {
    pub(crate) route: String,
    pub(crate) method: String,
    pub(crate) status: u16,
}

/// A caller with the version it asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UsageKey {
    pub(crate) caller: String,
    pub(crate) model: String,
    pub(crate) version: u32,
}

/// Counters of one route and status.
#[derive(Debug, Default)]
pub(crate) struct RouteCounters {
    pub(crate) buckets: [AtomicU64; DURATION_BOUNDS.len()],
    pub(crate) count: AtomicU64,
    pub(crate) sum_micros: AtomicU64,
}

/// Counters of one caller and version.
#[derive(Debug, Default)]
pub(crate) struct UsageCounters {
    pub(crate) requests: AtomicU64,
    pub(crate) inputs: AtomicU64,
    pub(crate) failed_inputs: AtomicU64,
}

type Series<K, C> = RwLock<BTreeMap<K, Arc<C>>>;

/// All counters of the interface.
#[derive(Debug, Default)]
pub(crate) struct Metering {
    routes: Series<RouteKey, RouteCounters>,
    usage: Series<UsageKey, UsageCounters>,
    panics: AtomicU64,
}

fn counters<K: Ord + Clone, C: Default>(
    series: &Series<K, C>,
    key: K,
    other: impl FnOnce() -> K,
) -> Arc<C> {
    if let Some(counters) = series.read().get(&key) {
        return Arc::clone(counters);
    }
    let mut series = series.write();
    let key = if series.len() < SERIES_MAX {
        key
    } else {
        other()
    };
    Arc::clone(series.entry(key).or_default())
}

impl Metering {
    pub(crate) fn count_response(
        &self,
        route: &str,
        method: &Method,
        status: u16,
        elapsed: Duration,
    ) {
        // A method may be any token; only the known ones become a label.
        let known = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ];
        let method = if known.contains(method) {
            method.as_str()
        } else {
            "other"
        };
        let key = RouteKey {
            route: route.to_owned(),
            method: method.to_owned(),
            status,
        };
        let counters = counters(&self.routes, key, || RouteKey {
            route: "other".to_owned(),
            method: "other".to_owned(),
            status: 0,
        });
        let seconds = elapsed.as_secs_f64();
        if let Some(bucket) = DURATION_BOUNDS
            .iter()
            .position(|bound| seconds <= *bound)
            .and_then(|index| counters.buckets.get(index))
        {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        counters.count.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        counters.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn count_usage(
        &self,
        caller: &CallerLabel,
        model: &str,
        version: u32,
        inputs: usize,
        failed_inputs: usize,
    ) {
        let key = UsageKey {
            caller: caller.as_str().to_owned(),
            model: model.to_owned(),
            version,
        };
        let counters = counters(&self.usage, key, || UsageKey {
            caller: "other".to_owned(),
            model: "other".to_owned(),
            version: 0,
        });
        counters.requests.fetch_add(1, Ordering::Relaxed);
        counters.inputs.fetch_add(inputs as u64, Ordering::Relaxed);
        counters
            .failed_inputs
            .fetch_add(failed_inputs as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    pub(crate) fn routes(&self) -> Vec<(RouteKey, Arc<RouteCounters>)> {
        all(&self.routes)
    }

    pub(crate) fn usage(&self) -> Vec<(UsageKey, Arc<UsageCounters>)> {
        all(&self.usage)
    }
}

fn all<K: Clone, C>(series: &Series<K, C>) -> Vec<(K, Arc<C>)> {
    series
        .read()
        .iter()
        .map(|(key, counters)| (key.clone(), Arc::clone(counters)))
        .collect()
}
