//! `GET /metrics`, in the text format of Prometheus.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use mofang_serving::{HistogramSnapshot, ServingMetrics, VersionMetricsSnapshot};

use crate::AppState;
use crate::metering::{DURATION_BOUNDS, Metering};

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Shows the server's figures in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "server", responses((status = 200, description = "the figures", content_type = "text/plain")))]
pub(crate) async fn metrics(State(state): State<Arc<AppState>>) -> Response {
    let mut text = String::with_capacity(16 << 10);
    write_http(&mut text, &state.metering);
    write_usage(&mut text, &state.metering);
    write_serving(&mut text, &state.serving.snapshot());
    ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}

type Counter = fn(&VersionMetricsSnapshot) -> u64;
type Distribution = fn(&VersionMetricsSnapshot) -> &HistogramSnapshot;

fn begin(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn single(text: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    begin(text, name, kind, help);
    let _ = writeln!(text, "{name} {value}");
}

fn write_serving(text: &mut String, serving: &ServingMetrics) {
    let versions = &serving.versions;
    let counters: [(&str, &str, &str, Counter); 5] = [
        (
            "requests_total",
            "counter",
            "Items that were asked for.",
            |version| version.requests,
        ),
        (
            "successes_total",
            "counter",
            "Items that got a prediction.",
            |version| version.successes,
        ),
        (
            "cancelled_total",
            "counter",
            "Items whose caller left.",
            |version| version.cancelled,
        ),
        (
            "dropped_unrun_total",
            "counter",
            "Items that left the queue without being computed.",
            |version| version.dropped_unrun,
        ),
        (
            "pending",
            "gauge",
            "Items that are inside now.",
            |version| version.pending,
        ),
    ];
    for (name, kind, help, value) in counters {
        let name = format!("mofang_serving_{name}");
        begin(text, &name, kind, help);
        for version in versions {
            let _ = writeln!(text, "{name}{{{}}} {}", labels(version), value(version));
        }
    }
    let name = "mofang_serving_failures_total";
    begin(
        text,
        name,
        "counter",
        "Items that got an error, by its code.",
    );
    for version in versions {
        for (code, count) in &version.failures {
            let _ = writeln!(
                text,
                "{name}{{{},code=\"{code}\"}} {count}",
                labels(version)
            );
        }
    }
    let histograms: [(&str, &str, Distribution); 6] = [
        (
            "answered_seconds",
            "Requests that got an answer, of one item or several.",
            |version| &version.answered_seconds,
        ),
        ("failed_seconds", "Requests that got an error.", |version| {
            &version.failed_seconds
        }),
        (
            "queue_seconds",
            "Waiting of items for their batch.",
            |version| &version.queue_seconds,
        ),
        ("prepare_seconds", "Preparing of items.", |version| {
            &version.prepare_seconds
        }),
        ("infer_seconds", "Computing of batches.", |version| {
            &version.infer_seconds
        }),
        (
            "batch_size",
            "Items that were computed together.",
            |version| &version.batch_size,
        ),
    ];
    for (name, help, histogram) in histograms {
        let name = format!("mofang_serving_{name}");
        begin(text, &name, "histogram", help);
        for version in versions {
            write_histogram(text, &name, &labels(version), histogram(version));
        }
    }
    let loaded = serving.loaded_versions as u64;
    single(
        text,
        "mofang_serving_loaded_versions",
        "gauge",
        "Versions in memory.",
        loaded,
    );
    single(
        text,
        "mofang_serving_loaded_bytes",
        "gauge",
        "Memory of loaded versions.",
        serving.loaded_bytes,
    );
    single(
        text,
        "mofang_serving_loads_total",
        "counter",
        "Loads of versions.",
        serving.loads,
    );
    single(
        text,
        "mofang_serving_load_failures_total",
        "counter",
        "Loads that failed.",
        serving.load_failures,
    );
    single(
        text,
        "mofang_serving_unloads_total",
        "counter",
        "Versions that were unloaded to make room.",
        serving.unloads,
    );
    single(
        text,
        "mofang_serving_unresolved_total",
        "counter",
        "Requests that named no usable version.",
        serving.unresolved,
    );
    single(
        text,
        "mofang_serving_in_flight",
        "gauge",
        "Requests that are inside now.",
        serving.in_flight as u64,
    );
}

fn labels(version: &VersionMetricsSnapshot) -> String {
    format!(
        "model=\"{}\",version=\"{}\"",
        version.model, version.version
    )
}

fn write_histogram(text: &mut String, name: &str, labels: &str, histogram: &HistogramSnapshot) {
    for (bound, below) in histogram.bounds.iter().zip(&histogram.cumulative) {
        let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}");
    }
    let count = histogram.count;
    let _ = writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}");
    let _ = writeln!(text, "{name}_sum{{{labels}}} {}", histogram.sum);
    let _ = writeln!(text, "{name}_count{{{labels}}} {count}");
}

fn write_http(text: &mut String, metering: &Metering) {
    let name = "mofang_http_request_duration_seconds";
    begin(
        text,
        name,
        "histogram",
        "Requests by route, method and status.",
    );
    for (key, counters) in metering.routes() {
        let labels = format!(
            "route=\"{}\",method=\"{}\",status=\"{}\"",
            key.route, key.method, key.status
        );
        let mut below = 0;
        for (bound, bucket) in DURATION_BOUNDS.iter().zip(&counters.buckets) {
            below += bucket.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}");
        }
        let count = counters.count.load(Ordering::Relaxed);
        let seconds = std::time::Duration::from_micros(counters.sum_micros.load(Ordering::Relaxed))
            .as_secs_f64();
        let _ = writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "{name}_sum{{{labels}}} {seconds}");
        let _ = writeln!(text, "{name}_count{{{labels}}} {count}");
    }
    let panics = metering.panics();
    single(
        text,
        "mofang_http_panics_total",
        "counter",
        "Handlers that panicked.",
        panics,
    );
}

fn write_usage(text: &mut String, metering: &Metering) {
    let usage = metering.usage();
    let mut write =
        |name: &str, help: &str, value: &dyn Fn(&crate::metering::UsageCounters) -> u64| {
            begin(text, name, "counter", help);
            for (key, counters) in &usage {
                let _ = writeln!(
                    text,
                    "{name}{{caller=\"{}\",model=\"{}\",version=\"{}\"}} {}",
                    key.caller,
                    key.model,
                    key.version,
                    value(counters)
                );
            }
        };
    write(
        "mofang_usage_requests_total",
        "Prediction requests by caller, model and version.",
        &|counters| counters.requests.load(Ordering::Relaxed),
    );
    write(
        "mofang_usage_inputs_total",
        "Inputs of prediction requests by caller, model and version.",
        &|counters| counters.inputs.load(Ordering::Relaxed),
    );
    write(
        "mofang_usage_failed_inputs_total",
        "Inputs without a prediction by caller, model and version.",
        &|counters| counters.failed_inputs.load(Ordering::Relaxed),
    );
}
