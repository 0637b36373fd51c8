//! Headers that keep browsers from being clever (SEC-1, SEC-27, SEC-29), on every response.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::response::Response;

/// Answers of the API are data: nothing in them is to be run or framed.
const POLICY: &str = "default-src 'none'; object-src 'none'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

static HEADERS: [(HeaderName, &str); 8] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (
        STRICT_TRANSPORT_SECURITY,
        "max-age=31536000; includeSubDomains",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// Adds what the handler did not set, and a charset to textual types.
pub(crate) async fn security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in &HEADERS {
        if !headers.contains_key(name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if let Some(with_charset) = headers.get(CONTENT_TYPE).and_then(with_charset) {
        headers.insert(CONTENT_TYPE, with_charset);
    }
    response
}

/// The media type with a charset, where one belongs and is missing.
fn with_charset(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?;
    let is_textual =
        text.starts_with("text/") || text.ends_with("json") || text.ends_with("javascript");
    (is_textual && !text.contains("charset"))
        .then(|| HeaderValue::from_str(&format!("{text}; charset=utf-8")).ok())
        .flatten()
}
