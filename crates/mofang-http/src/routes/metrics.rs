//! `GET /metrics`, in the text format of Prometheus.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use crate::AppState;
use crate::metering::{DURATION_BOUNDS, Metering};

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Shows the server's figures in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "server", responses((status = 200, description = "the figures", content_type = "text/plain")))]
pub(crate) async fn metrics(State(state): State<Arc<AppState>>) -> Response {
    let mut text = String::with_capacity(16 << 10);
    write_http(&mut text, &state.metering);
    write_usage(&mut text, &state.metering);
    ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}

fn begin(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
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
    let name = "mofang_http_panics_total";
    begin(text, name, "counter", "Handlers that panicked.");
    let _ = writeln!(text, "{name} {}", metering.panics());
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
