//! The one mapping from failures to gRPC's status codes.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use mofang_grpc::tonic::{Code, Status};
use mofang_types::ErrorCode;

use crate::ApiError;
use crate::middleware::MeantStatus;
use crate::problem::{ProblemKind, log_cause, whole_seconds};

/// The code of each kind of failure.
fn code(kind: ProblemKind) -> Code {
    match kind {
        ProblemKind::Coded(code) => match code {
            ErrorCode::InvalidInput | ErrorCode::UnsupportedMediaType => Code::InvalidArgument,
            ErrorCode::Unauthenticated => Code::Unauthenticated,
            ErrorCode::Forbidden => Code::PermissionDenied,
            ErrorCode::NotFound => Code::NotFound,
            ErrorCode::AlreadyExists => Code::AlreadyExists,
            ErrorCode::Conflict => Code::FailedPrecondition,
            ErrorCode::PayloadTooLarge | ErrorCode::TooManyRequests | ErrorCode::OutOfSpace => {
                Code::ResourceExhausted
            }
            ErrorCode::Overloaded | ErrorCode::Unavailable => Code::Unavailable,
            ErrorCode::Timeout => Code::DeadlineExceeded,
            ErrorCode::Internal => Code::Internal,
        },
        ProblemKind::MethodNotAllowed | ProblemKind::NotImplemented => Code::Unimplemented,
        ProblemKind::RequestTimeout => Code::DeadlineExceeded,
    }
}

/// The status of HTTP that stands for the same, for figures and the log.
fn meant(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition | Code::Cancelled => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Internal | Code::Unknown | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status that tells an error of a method; its cause goes to the log.
pub(super) fn status(error: &ApiError, request_id: &str) -> Status {
    log_cause(error, request_id);
    let mut status = Status::new(code(error.kind), error.detail.as_str());
    if let Some(after) = error.retry_after {
        let seconds = whole_seconds(after).into();
        status.metadata_mut().insert(RETRY_AFTER.as_str(), seconds);
    }
    status
}

/// Makes of a failed response of HTTP, such as the guard's, the one that gRPC knows; remembers of
/// every response what it means.
pub(crate) fn render(response: Response, error: Option<&ApiError>, request_id: &str) -> Response {
    let mut response = match error {
        None => response,
        Some(error) => {
            let (mut parts, _) = response.into_parts();
            parts.status = StatusCode::OK;
            parts.headers.remove(CONTENT_LENGTH);
            parts
                .headers
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            // Without a message a response is its headers alone, and they hold the status.
            let _ = status(error, request_id).add_header(&mut parts.headers);
            Response::from_parts(parts, Body::empty())
        }
    };
    if let Some(status) = Status::from_header_map(response.headers()) {
        let meant = MeantStatus(meant(status.code()));
        response.extensions_mut().insert(meant);
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn a_refusal_is_told_in_headers() {
        let error = ApiError::new(ErrorCode::Forbidden, "not for you: é");
        let response = ApiError::new(ErrorCode::Forbidden, "").into_response();
        let response = render(response, Some(&error), "id");
        assert_eq!(response.status(), StatusCode::OK);
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::PermissionDenied);
        assert_eq!(status.message(), "not for you: é");
        let meant = response.extensions().get::<MeantStatus>();
        assert_eq!(meant, Some(&MeantStatus(StatusCode::FORBIDDEN)));
    }

    #[test]
    fn a_full_server_says_when_to_come_back() {
        let error = ApiError::new(ErrorCode::Overloaded, "full")
            .retry_after(std::time::Duration::from_millis(1500));
        let status = status(&error, "id");
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.metadata().get("retry-after").unwrap(), "2");
    }
}
