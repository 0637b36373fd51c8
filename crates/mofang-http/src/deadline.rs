//! How long an answer may take: `X-Request-Timeout-Ms`.

use std::time::Duration;

use axum::http::HeaderMap;
use mofang_types::ErrorCode;

use crate::ApiError;

/// The caller's limit, from the arrival of the request; `None` when it named none.
pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Duration>, ApiError> {
    let Some(value) = headers.get("x-request-timeout-ms") else {
        return Ok(None);
    };
    let limit = value
        .to_str()
        .ok()
        .and_then(|text| text.parse::<u64>().ok())
        .filter(|milliseconds| *milliseconds > 0)
        .map(Duration::from_millis);
    limit.map(Some).ok_or_else(|| {
        ApiError::invalid("X-Request-Timeout-Ms has to be a number of milliseconds from 1")
    })
}

/// What is left of the caller's limit after `elapsed`.
pub(crate) fn remaining(limit: Duration, elapsed: Duration) -> Result<Duration, ApiError> {
    match limit.checked_sub(elapsed) {
        Some(rest) if !rest.is_zero() => Ok(rest),
        _ => Err(ApiError::new(
            ErrorCode::Timeout,
            format!(
                "the deadline of {} ms passed before the model was asked",
                limit.as_millis()
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_counts_from_the_arrival() {
        let mut headers = HeaderMap::new();
        assert_eq!(from_headers(&headers).unwrap(), None);
        headers.insert("x-request-timeout-ms", "20".parse().unwrap());
        let limit = from_headers(&headers).unwrap().unwrap();
        let rest = |elapsed| remaining(limit, Duration::from_millis(elapsed));
        assert_eq!(rest(5).unwrap(), Duration::from_millis(15));
        assert_eq!(rest(20).unwrap_err().code(), "timeout");
        for text in ["0", "-1", "soon", "1.5"] {
            headers.insert("x-request-timeout-ms", text.parse().unwrap());
            let error = from_headers(&headers).unwrap_err();
            assert_eq!(error.code(), "invalid_input", "{text}");
        }
    }
}
