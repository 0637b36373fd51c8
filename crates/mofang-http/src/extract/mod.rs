//! Extractors whose refusals are problem documents.

mod json;
mod path;
mod query;

pub(crate) use json::{ApiJson, check_json, parse_json};
pub(crate) use path::ApiPath;
pub(crate) use query::ApiQuery;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

/// The media type of the body, lower case and without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

/// Whether a body of this type is the bytes of a file, which the pipeline reads. Sound has several names: those
/// without `x-` were registered after the formats were in use.
pub(crate) fn is_file(media_type: &str) -> bool {
    matches!(
        media_type,
        "audio/flac"
            | "audio/mp3"
            | "audio/mpeg"
            | "audio/vnd.wave"
            | "audio/wav"
            | "audio/wave"
            | "audio/x-flac"
            | "audio/x-wav"
            | "image/bmp"
            | "image/jpeg"
            | "image/png"
            | "text/plain"
    )
}
