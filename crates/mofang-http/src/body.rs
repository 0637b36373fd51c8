//! Reading bodies: never more than the limit, never slower than the clock allows (REL-5).

use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use mofang_types::ErrorCode;
use tokio::time::{Instant, timeout_at};

use crate::ApiError;
use crate::problem::ProblemKind;

/// What must have arrived within each stretch of the timeout for a body to count as progressing.
const PROGRESS_BYTES: usize = 1024;

/// Room that is made for a declared length before it arrives, so that a tensor is not moved again and
/// again while it grows. Pages that nothing is written to take no memory.
const PROMISED_BYTES_MAX: usize = 1 << 20;

/// Reads a whole body of at most `limit` bytes.
///
/// A body whose declared length is over the limit is refused before any of it is read.
pub(crate) async fn read_body(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes, ApiError> {
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    // A caller may declare much and send little: beyond what is cheap to promise, memory follows
    // what arrives.
    let promised = declared.and_then(|length| usize::try_from(length).ok());
    let mut whole = BytesMut::with_capacity(promised.unwrap_or(0).min(PROMISED_BYTES_MAX));
    let mut window_end = Instant::now() + timeout;
    let mut window_bytes = 0;
    loop {
        let frame = match timeout_at(window_end, body.frame()).await {
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Ok(frame))) => Some(frame),
            Ok(Some(Err(error))) => {
                return Err(ApiError::invalid(format!("the body broke off: {error}")));
            }
            Err(_) => None,
        };
        if let Some(Ok(data)) = frame.map(hyper::body::Frame::into_data) {
            if whole.len() + data.len() > limit {
                return Err(too_large(limit));
            }
            window_bytes += data.len();
            whole.extend_from_slice(&data);
        }
        if Instant::now() >= window_end {
            if window_bytes < PROGRESS_BYTES {
                return Err(ApiError::of_kind(
                    ProblemKind::RequestTimeout,
                    format!("the body made no progress for {} s", timeout.as_secs()),
                ));
            }
            window_end = Instant::now() + timeout;
            window_bytes = 0;
        }
    }
}

/// The form that a body is; its parts are within the limit that the body was read with.
pub(crate) async fn form(headers: &HeaderMap, body: Bytes) -> Result<Multipart, ApiError> {
    let mut request = Request::new(Body::from(body));
    if let Some(content_type) = headers.get(CONTENT_TYPE) {
        request
            .headers_mut()
            .insert(CONTENT_TYPE, content_type.clone());
    }
    // The body was read within the limit already; axum's own is for bodies that were not.
    DefaultBodyLimit::disable().apply(&mut request);
    Multipart::from_request(request, &())
        .await
        .map_err(|error| ApiError::invalid(format!("invalid form: {}", error.body_text())))
}

/// The error of a part of a form.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
pub(crate) fn refused_form(error: MultipartError) -> ApiError {
    ApiError::invalid(format!("invalid form: {}", error.body_text()))
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        ErrorCode::PayloadTooLarge,
        format!("the body is larger than the {limit} bytes that are accepted"),
    )
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_with_and_without_a_declared_length() {
        let mut headers = HeaderMap::new();
        let whole = read_body(&headers, Body::from("12345"), 5, TIMEOUT)
            .await
            .unwrap();
        assert_eq!(whole, "12345");
        let error = read_body(&headers, Body::from("123456"), 5, TIMEOUT)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "payload_too_large");
        headers.insert(CONTENT_LENGTH, "6".parse().unwrap());
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let error = read_body(&headers, never, 5, TIMEOUT).await.unwrap_err();
        assert_eq!(error.code(), "payload_too_large");
    }

    #[tokio::test]
    async fn rel_5_a_dripping_body_is_given_up() {
        let drip = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b"x")), ()))
        });
        // It would take three seconds to its end; the first stretch without progress ends it.
        let timeout = Duration::from_millis(100);
        let error = read_body(&HeaderMap::new(), Body::from_stream(drip), 100, timeout)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "request_timeout");
    }
}
