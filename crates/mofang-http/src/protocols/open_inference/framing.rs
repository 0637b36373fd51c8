//! The binary tensor extension: where the JSON of a body ends and its raw tensors begin.
//!
//! `Inference-Header-Content-Length` says how long the JSON is; the tensors follow it in the order of
//! the inputs. Zero means that there is no JSON and the whole body is the model's one input. Without
//! the header the whole body is JSON.

use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;

use crate::ApiError;

/// The header that says how long the JSON is.
pub(super) const HEADER_LENGTH: HeaderName =
    HeaderName::from_static("inference-header-content-length");

/// A body, cut where its header says.
#[derive(Debug, PartialEq)]
pub(super) enum Framed {
    /// JSON, and the raw tensors behind it.
    Json { json: Bytes, tensors: Bytes },
    /// One raw tensor alone.
    Raw(Bytes),
}

/// Cuts a body.
///
/// # Errors
/// When the header is no length, there is more than one, or the body is shorter than it says.
pub(super) fn split(headers: &HeaderMap, mut body: Bytes) -> Result<Framed, ApiError> {
    let mut lengths = headers.get_all(&HEADER_LENGTH).iter();
    let Some(value) = lengths.next() else {
        return Ok(Framed::Json {
            json: body,
            tensors: Bytes::new(),
        });
    };
    if lengths.next().is_some() {
        return Err(ApiError::invalid(
            "Inference-Header-Content-Length is there twice",
        ));
    }
    // Digits alone: `parse` would also take a sign.
    let length = value
        .to_str()
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse::<usize>().ok())
        .ok_or_else(|| {
            ApiError::invalid(
                "Inference-Header-Content-Length has to be the number of bytes of the JSON",
            )
        })?;
    if length == 0 {
        return Ok(Framed::Raw(body));
    }
    if length > body.len() {
        return Err(ApiError::invalid(format!(
            "Inference-Header-Content-Length is {length}, the body has {} bytes only",
            body.len()
        )));
    }
    let tensors = body.split_off(length);
    Ok(Framed::Json {
        json: body,
        tensors,
    })
}

/// Takes the next `length` bytes from the tensors; no more than there are.
pub(super) fn take(tensors: &mut Bytes, length: usize, input: &str) -> Result<Bytes, ApiError> {
    if length > tensors.len() {
        return Err(ApiError::invalid(format!(
            "input \"{input}\": binary_data_size is {length}, and {} bytes are left of the body",
            tensors.len()
        )));
    }
    Ok(tensors.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(length: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_LENGTH, length.parse().unwrap());
        headers
    }

    #[test]
    fn a_body_is_cut_where_the_header_says() {
        let body = Bytes::from_static(b"{}abc");
        let json = |json: &'static str, tensors: &'static str| Framed::Json {
            json: json.into(),
            tensors: tensors.into(),
        };
        let cut = |headers: &HeaderMap| split(headers, body.clone()).unwrap();
        assert_eq!(cut(&HeaderMap::new()), json("{}abc", ""));
        assert_eq!(cut(&with("2")), json("{}", "abc"));
        assert_eq!(cut(&with("5")), json("{}abc", ""));
        assert_eq!(cut(&with("0")), Framed::Raw(body.clone()));
    }

    #[test]
    fn hostile_lengths_are_refused() {
        let body = Bytes::from_static(b"{}abc");
        for length in ["6", "-1", "+2", "2.0", "", "99999999999999999999999", "0x2"] {
            assert!(split(&with(length), body.clone()).is_err(), "{length}");
        }
        let mut twice = with("2");
        twice.append(HEADER_LENGTH, "3".parse().unwrap());
        assert!(split(&twice, body).is_err());
        let mut tensors = Bytes::from_static(b"abc");
        assert!(take(&mut tensors, 4, "image").is_err());
        assert_eq!(take(&mut tensors, 3, "image").unwrap(), "abc");
        assert!(take(&mut tensors, usize::MAX, "image").is_err());
    }
}
