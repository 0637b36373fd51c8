//! Small JSON bodies.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use mofang_types::{ErrorCode, with_suggestion};
use serde::de::DeserializeOwned;

use super::media_type;
use crate::body::read_body;
use crate::{ApiError, AppState};

/// A JSON body of at most `json_limit_bytes`, sent as `application/json`.
#[derive(Debug)]
pub(crate) struct ApiJson<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<AppState>> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        // Forms of foreign pages cannot send this type without asking first.
        check_json(&parts.headers)?;
        let settings = &state.settings;
        let limit = settings.json_limit_bytes;
        let bytes = read_body(&parts.headers, body, limit, settings.body_timeout()).await?;
        parse_json(&bytes).map(Self)
    }
}

/// Refuses a body that is not said to be JSON.
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), ApiError> {
    if media_type(headers).as_deref() == Some("application/json") {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::UnsupportedMediaType,
        "the body has to be application/json",
    ))
}

/// Parses a body; the error says where it is wrong and never repeats a value of it.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let message = with_suggestion(&error.to_string());
        ApiError::invalid(format!("invalid JSON body: {message}"))
    })
}
