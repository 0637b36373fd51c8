//! Answers that come piece by piece: server-sent events, as the HTML standard has them.

use std::convert::Infallible;

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt as _};
use serde::Serialize;

/// Proxies that collect answers are told not to.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The answer that tells these events, with comments while there is nothing to tell. When its client leaves,
/// the stream is dropped.
pub(crate) fn event_stream(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = events.map(Ok::<_, Infallible>);
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// An event whose data are JSON.
pub(crate) fn json_event(value: &impl Serialize) -> Event {
    // Texts, numbers and lists of them, which JSON always has a form for.
    Event::default().data(serde_json::to_string(value).unwrap_or_default())
}
