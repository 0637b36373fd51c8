//! The one mapping from error codes to HTTP statuses, and the problem documents of RFC 9457.
//!
//! No other file of the house knows which status stands for which failure. A handler's error
//! becomes a response that carries it as an extension; [`render`] writes the document when the
//! request's id is known, and logs the cause that the caller is not told.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mofang_types::ErrorCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ApiError;
use crate::protocols::{open_inference, openai, scoring};

/// The media type of problem documents.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Error codes, and the failures that exist in HTTP only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// A failure of the service.
    Coded(ErrorCode),
    /// The path exists, the method on it does not.
    MethodNotAllowed,
    /// A protocol has it and this server does not.
    NotImplemented,
    /// The client sent its request too slowly.
    RequestTimeout,
}

/// In which form a failure is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorFormat {
    /// As a problem document.
    Problem,
    /// As the Open Inference Protocol tells it over REST.
    OpenInference,
    /// As OpenAI tells it.
    OpenAi,
    /// As MLflow's scoring server tells it.
    Scoring,
    /// As gRPC tells it, in headers.
    Grpc,
}

impl ProblemKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Coded(code) => code.as_str(),
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotImplemented => "not_implemented",
            Self::RequestTimeout => "request_timeout",
        }
    }

    /// The status of each kind of failure.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Coded(code) => match code {
                ErrorCode::InvalidInput => StatusCode::BAD_REQUEST,
                ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
                ErrorCode::Forbidden => StatusCode::FORBIDDEN,
                ErrorCode::NotFound => StatusCode::NOT_FOUND,
                ErrorCode::AlreadyExists | ErrorCode::Conflict => StatusCode::CONFLICT,
                ErrorCode::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::Overloaded | ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
                ErrorCode::OutOfSpace => StatusCode::INSUFFICIENT_STORAGE,
                ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Coded(code) => match code {
                ErrorCode::InvalidInput => "Invalid input",
                ErrorCode::Unauthenticated => "Not authenticated",
                ErrorCode::Forbidden => "Forbidden",
                ErrorCode::NotFound => "Not found",
                ErrorCode::AlreadyExists => "Already exists",
                ErrorCode::Conflict => "Conflict",
                ErrorCode::PayloadTooLarge => "Payload too large",
                ErrorCode::UnsupportedMediaType => "Unsupported media type",
                ErrorCode::TooManyRequests => "Too many requests",
                ErrorCode::Overloaded => "Overloaded",
                ErrorCode::Timeout => "Deadline exceeded",
                ErrorCode::Unavailable => "Unavailable",
                ErrorCode::OutOfSpace => "Out of space",
                ErrorCode::Internal => "Internal error",
            },
            Self::MethodNotAllowed => "Method not allowed",
            Self::NotImplemented => "Not implemented",
            Self::RequestTimeout => "Request timeout",
        }
    }

    /// The kind of a bare status that a library answered with.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Coded(ErrorCode::Unauthenticated),
            403 => Self::Coded(ErrorCode::Forbidden),
            404 => Self::Coded(ErrorCode::NotFound),
            405 => Self::MethodNotAllowed,
            408 => Self::RequestTimeout,
            413 => Self::Coded(ErrorCode::PayloadTooLarge),
            415 => Self::Coded(ErrorCode::UnsupportedMediaType),
            501 => Self::NotImplemented,
            400..=499 => Self::Coded(ErrorCode::InvalidInput),
            _ => Self::Coded(ErrorCode::Internal),
        }
    }
}

/// A problem document (RFC 9457): what went wrong, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` says which problem it is.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The kind of failure, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The kind of failure, for programs, e.g. `not_found`.
    pub code: String,
    /// What exactly went wrong, and the way out where there is one.
    pub detail: String,
    /// The request in the server's log.
    pub request_id: String,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Whole seconds, at least one: what `Retry-After` can say.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0 || duration.is_zero())
}

/// Tells the failure of a failed response in the form that its client reads; other responses pass.
pub(crate) fn render(response: Response, request_id: &str, format: ErrorFormat) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return match format {
            ErrorFormat::Problem
            | ErrorFormat::OpenInference
            | ErrorFormat::OpenAi
            | ErrorFormat::Scoring => response,
            ErrorFormat::Grpc => open_inference::grpc::status::render(response, None, request_id),
        };
    }
    let error = response.extensions().get::<Arc<ApiError>>().cloned();
    let error = error.unwrap_or_else(|| {
        let kind = ProblemKind::of_status(status);
        let detail = match kind {
            ProblemKind::MethodNotAllowed => {
                "the path does not have this method; \"allow\" lists those it has"
            }
            ProblemKind::Coded(ErrorCode::NotFound) => {
                "there is nothing at this path; /openapi.json lists what there is"
            }
            ProblemKind::Coded(_) | ProblemKind::NotImplemented | ProblemKind::RequestTimeout => {
                "the request cannot be served as it is"
            }
        };
        Arc::new(ApiError::of_kind(kind, detail))
    });
    if format == ErrorFormat::Grpc {
        return open_inference::grpc::status::render(response, Some(&error), request_id);
    }
    log_cause(&error, request_id);
    let (mut parts, _) = response.into_parts();
    let (text, media_type) = match format {
        ErrorFormat::Problem | ErrorFormat::Grpc => {
            (document(&error, status, request_id), PROBLEM_JSON)
        }
        ErrorFormat::OpenInference => {
            parts.status = open_inference::error::status(error.kind);
            (open_inference::error::body(&error), "application/json")
        }
        ErrorFormat::OpenAi => (openai::error::body(&error), "application/json"),
        ErrorFormat::Scoring => (scoring::error::body(&error), "application/json"),
    };
    let headers = &mut parts.headers;
    headers.remove(axum::http::header::CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let mut set = |name: HeaderName, value: HeaderValue| headers.insert(name, value);
    match error.kind {
        ProblemKind::Coded(ErrorCode::Unauthenticated) => {
            set(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"mofang\""),
            );
        }
        // The rest of such a request will not be read.
        ProblemKind::RequestTimeout | ProblemKind::Coded(ErrorCode::PayloadTooLarge) => {
            set(CONNECTION, HeaderValue::from_static("close"));
        }
        ProblemKind::Coded(ErrorCode::TooManyRequests | ErrorCode::Overloaded) => {
            let seconds = whole_seconds(error.retry_after.unwrap_or_default());
            set(RETRY_AFTER, HeaderValue::from(seconds));
        }
        ProblemKind::Coded(_) | ProblemKind::MethodNotAllowed | ProblemKind::NotImplemented => {
            if let Some(after) = error.retry_after {
                set(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
            }
        }
    }
    if format == ErrorFormat::OpenAi {
        openai::error::add_headers(&error, headers);
    }
    Response::from_parts(parts, Body::from(text))
}

/// Logs what the caller is not told.
pub(crate) fn log_cause(error: &ApiError, request_id: &str) {
    if let Some(cause) = &error.cause {
        let causes: Vec<String> = chain(cause.as_ref()).map(ToString::to_string).collect();
        tracing::error!(
            request.id = request_id,
            error.code = error.code(),
            error.causes = causes.join(": "),
            "a request failed"
        );
    }
}

/// The problem document of a failure in the middle of an answer; its cause goes to the log.
pub(crate) fn within_answer(error: &ApiError, request_id: &str) -> String {
    log_cause(error, request_id);
    document(error, error.kind.status(), request_id)
}

fn document(error: &ApiError, status: StatusCode, request_id: &str) -> String {
    let problem = Problem {
        type_uri: "about:blank".to_owned(),
        title: error.kind.title().to_owned(),
        status: status.as_u16(),
        code: error.code().to_owned(),
        detail: error.detail.clone(),
        request_id: request_id.to_owned(),
    };
    serde_json::to_string(&problem).unwrap_or_default()
}

fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_whole_seconds_and_never_zero() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::from_mins(1)), 60);
    }

    #[test]
    fn a_cause_is_never_in_the_answer() {
        let error = ApiError::internal("/secret/path is broken");
        assert!(!error.detail.contains("secret"), "{}", error.detail);
        let response = render(error.into_response(), "id", ErrorFormat::Problem);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
