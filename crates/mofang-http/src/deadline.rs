//! How long an answer may take: `X-Request-Timeout-Ms`.

use std::time::Duration;

use axum::http::HeaderMap;
use mofang_types::ErrorCode;

use crate::ApiError;

/// What is left of the caller's deadline after `elapsed`; `None` when it named none.
pub(super) fn remaining(
    headers: &HeaderMap,
    elapsed: Duration,
) -> Result<Option<Duration>, ApiError> {
    let Some(value) = headers.get("x-request-timeout-ms") else {
        return Ok(None);
    };
    let limit = value
        .to_str()
        .ok()
        .and_then(|text| text.parse::<u64>().ok())
        .filter(|milliseconds| *milliseconds > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| {
            ApiError::invalid("X-Request-Timeout-Ms has to be a number of milliseconds from 1")
        })?;
    match limit.checked_sub(elapsed) {
        Some(rest) if !rest.is_zero() => Ok(Some(rest)),
        _ => Err(ApiError::new(
            ErrorCode::Timeout,
            format!(
                "the deadline of {} ms passed before the body was there",
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
        let rest =
            |headers: &HeaderMap, elapsed| remaining(headers, Duration::from_millis(elapsed));
        assert_eq!(rest(&headers, 5).unwrap(), None);
        headers.insert("x-request-timeout-ms", "20".parse().unwrap());
        assert_eq!(rest(&headers, 5).unwrap(), Some(Duration::from_millis(15)));
        assert_eq!(rest(&headers, 20).unwrap_err().code(), "timeout");
        for text in ["0", "-1", "soon", "1.5"] {
            headers.insert("x-request-timeout-ms", text.parse().unwrap());
            assert_eq!(
                rest(&headers, 0).unwrap_err().code(),
                "invalid_input",
                "{text}"
            );
        }
    }
}
