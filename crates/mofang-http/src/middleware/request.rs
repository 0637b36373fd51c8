//! The frame of every request: its id, its log line, and the one boundary that panics end at.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;

use crate::metering::CallerLabel;
use crate::problem::ErrorFormat;
use crate::{ApiError, AppState, problem};

/// What is known of a request before it is read.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    /// When it arrived, in monotonic time.
    pub(crate) arrived: Duration,
    /// Its id in the log.
    pub(crate) request_id: Arc<str>,
}

/// The frame around a router.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) state: Arc<AppState>,
    /// In which form the failure of the request at a path is told.
    pub(crate) error_format: fn(&str) -> ErrorFormat,
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, runs it, and tells its failure or panic in the form of its protocol.
///
/// Logged are the method, the route's pattern, the status and the time: no path, query, header or
/// body, so neither inputs nor keys can be in a log.
pub(crate) async fn request(
    State(Frame {
        state,
        error_format,
    }): State<Frame>,
    mut request: Request,
    next: Next,
) -> Response {
    let arrived = state.clock.monotonic();
    let request_id: Arc<str> = state.ids.next(state.clock.now_unix_ms()).into();
    request.extensions_mut().insert(RequestContext {
        arrived,
        request_id: Arc::clone(&request_id),
    });
    let error_format = error_format(request.uri().path());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let response = caught(next.run(request)).await.unwrap_or_else(|error| {
        state.metering.count_panic();
        error.into_response()
    });
    let mut response = problem::render(response, &request_id, error_format);
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let elapsed = state.clock.monotonic().saturating_sub(arrived);
    // A failure of gRPC has the status 200 on the wire; counted and logged is what it means.
    let status = response
        .extensions()
        .get::<MeantStatus>()
        .map_or(response.status(), |meant| meant.0);
    state
        .metering
        .count_response(&route, &method, status.as_u16(), elapsed);
    let caller = response.extensions().get::<CallerLabel>();
    let caller = caller.map_or("anonymous", CallerLabel::as_str);
    let duration_ms = elapsed.as_secs_f64() * 1e3;
    let status = status.as_u16();
    match status {
        // Asking for what is not implemented is no failure of the server.
        500 | 502.. => {
            tracing::warn!(request.id = &*request_id, %method, route, status, duration_ms, caller, "request failed");
        }
        400..=499 | 501 => {
            tracing::info!(request.id = &*request_id, %method, route, status, duration_ms, caller, "request refused");
        }
        _ => {
            tracing::debug!(request.id = &*request_id, %method, route, status, duration_ms, caller, "request served");
        }
    }
    response
}

/// The HTTP status of a failure that is told by other means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MeantStatus(pub(crate) StatusCode);

/// Runs a handler; its panic becomes an error like any other, and the process lives on (REL-19).
async fn caught(handler: impl Future<Output = Response>) -> Result<Response, ApiError> {
    AssertUnwindSafe(handler)
        .catch_unwind()
        .await
        .map_err(|panic| {
            let message = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            ApiError::internal(format!("a handler panicked: {message}"))
        })
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn rel_19_a_panic_becomes_a_problem_that_says_nothing_of_the_inside() {
        let error = caught(async { panic!("secret at {}", "/path") })
            .await
            .unwrap_err();
        let cause = error.cause.as_ref().unwrap().to_string();
        assert_eq!(cause, "a handler panicked: secret at /path");
        let response = problem::render(error.into_response(), "the-id", ErrorFormat::Problem);
        assert_eq!(response.status().as_u16(), 500);
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            text.contains("the-id") && !text.contains("secret"),
            "{text}"
        );
    }
}
