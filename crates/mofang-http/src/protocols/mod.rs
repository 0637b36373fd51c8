//! Protocols that clients of other systems speak, each in a folder of its own.
//!
//! A protocol translates: it reads its own form of a request, makes a [`ModelCall`], and writes its
//! own form of the answer. Accounts, quotas, deadlines, batching, metering and tracing are the same
//! for all of them, because they happen in the guard, the frame and the call.
//!
//! [`ModelCall`]: crate::call::ModelCall

pub(crate) mod open_inference;
pub(crate) mod openai;
pub(crate) mod scoring;

use std::sync::Arc;

use axum::extract::Request;
use mofang_types::{ErrorCode, ModelReference, Selector};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::access::Access;
use crate::problem::ErrorFormat;
use crate::{ApiError, AppState};

/// The routes of every protocol over HTTP.
pub(crate) fn routes() -> Vec<(Access, UtoipaMethodRouter<Arc<AppState>>)> {
    let mut routes = open_inference::routes();
    routes.extend(openai::routes());
    routes.extend(scoring::routes());
    routes
}

/// In which form the failure of a request at `path` is told.
pub(crate) fn error_format(path: &str) -> ErrorFormat {
    if open_inference::owns(path) {
        ErrorFormat::OpenInference
    } else if openai::owns(path) {
        ErrorFormat::OpenAi
    } else if scoring::owns(path) {
        ErrorFormat::Scoring
    } else {
        ErrorFormat::Problem
    }
}

/// Answers where no route is.
pub(crate) async fn nothing_here(request: Request) -> ApiError {
    let path = request.uri().path();
    let missing = open_inference::missing(path).or_else(|| openai::missing(path));
    missing.unwrap_or_else(|| {
        ApiError::new(
            ErrorCode::NotFound,
            "there is nothing at this path; /openapi.json lists what there is",
        )
    })
}

/// The version that a client of a protocol names: `digits`, `digits@production`, `digits:3`, or a
/// name with the version beside it. An empty version is none.
pub(crate) fn reference(name: &str, version: Option<&str>) -> Result<ModelReference, ApiError> {
    let (model, selector) = match name.split_once(['@', ':']) {
        Some((model, selector)) => (model, Some(selector)),
        None => (name, None),
    };
    let version = version.filter(|version| !version.is_empty());
    let selector = match (selector, version) {
        (Some(_), Some(version)) => {
            return Err(ApiError::invalid(format!(
                "the model \"{name}\" names a version already; leave out the version \"{version}\", or name the model alone"
            )));
        }
        (Some(selector), None) => selector.parse()?,
        (None, Some(version)) => version.parse()?,
        (None, None) => Selector::Latest,
    };
    Ok(ModelReference {
        model: model.parse()?,
        selector,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_within_the_name_or_beside_it() {
        for (name, version, expected) in [
            ("digits", None, "digits@latest"),
            ("digits", Some(""), "digits@latest"),
            ("digits", Some("3"), "digits@3"),
            ("digits", Some("production"), "digits@production"),
            ("digits@production", None, "digits@production"),
            ("digits:3", Some(""), "digits@3"),
        ] {
            assert_eq!(reference(name, version).unwrap().to_string(), expected);
        }
        for (name, version) in [
            ("digits@3", Some("3")),
            ("digits", Some("0")),
            ("digits@1@2", None),
            ("", None),
            ("../etc", None),
        ] {
            assert!(reference(name, version).is_err(), "{name} {version:?}");
        }
    }
}
