//! The part of OpenAI's interface that a model without a chat can answer: models, completions, embeddings
//! and transcriptions, below `/openai/v1`, where unchanged clients are pointed by their `base_url`.
//!
//! A model is named as in the other protocols: `tale`, `tale@production`, `tale:3`. What is not served is
//! refused by name rather than left out, so that no client takes a text for another than it asked for.
//!
//! Source: openai/openai-openapi `openapi.yaml`, openai/openai-python.

mod completion;
mod completions;
mod embeddings;
pub(crate) mod error;
mod models;
mod request;
mod subtitles;
mod texts;
mod transcription_form;
mod transcriptions;

use std::sync::Arc;

use axum::http::HeaderMap;
use mofang_accounts::Action;
use mofang_types::Task;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::access::Access;
use crate::auth::Caller;
use crate::call::ModelCall;
use crate::middleware::RequestContext;
use crate::protocols::reference;
use crate::{ApiError, AppState, deadline};

/// The routes.
pub(super) fn routes() -> Vec<(Access, UtoipaMethodRouter<Arc<AppState>>)> {
    let may = Access::Action;
    vec![
        (may(Action::ReadModels), routes!(models::list)),
        (
            Access::Either(Action::Predict, Action::ReadModels),
            routes!(models::model),
        ),
        (may(Action::Predict), routes!(completions::completions)),
        (may(Action::Predict), routes!(embeddings::embeddings)),
        (
            may(Action::Predict),
            routes!(transcriptions::transcriptions),
        ),
    ]
}

/// Whether a path belongs to the protocol.
pub(super) fn owns(path: &str) -> bool {
    path.starts_with("/openai/")
}

/// What is said at a path of the protocol that has no route: some of them other servers have.
pub(super) fn missing(path: &str) -> Option<ApiError> {
    let rest = path.strip_prefix("/openai/v1/")?;
    let reason = match rest {
        "chat/completions" | "responses" => {
            "chats are not implemented: the models here go on with texts and have no template for turns; use /openai/v1/completions"
        }
        "audio/speech" | "audio/translations" => {
            "speech and translations are not implemented: models of recordings write down what is said in them; use /openai/v1/audio/transcriptions"
        }
        "fine_tuning/jobs" => {
            "fine-tuning is not implemented here: `mofang train` trains by a recipe"
        }
        "files" | "batches" => {
            "files and batches are not implemented; send the requests themselves"
        }
        _ => return None,
    };
    Some(ApiError::not_implemented(reason))
}

/// Begins the call of the model that a body names.
fn started(
    state: &Arc<AppState>,
    caller: &Caller,
    context: &RequestContext,
    headers: &HeaderMap,
    model: &str,
) -> Result<ModelCall, ApiError> {
    let limit = deadline::from_headers(headers)?;
    reference(model, None)
        .and_then(|reference| ModelCall::begin(state, caller, context, &reference, limit))
        .map_err(|error| error.about("model"))
}

/// Refuses a model of another task than the one whose models do this.
async fn check_task(
    call: &ModelCall,
    model: &str,
    expected: Task,
    does: &str,
) -> Result<(), ApiError> {
    let task = call.predictor().await?.manifest().task;
    if task == expected {
        return Ok(());
    }
    let refused =
        format!("the model \"{model}\" is of the task {task}, and only one of {expected} {does}");
    Err(ApiError::invalid(refused).about("model"))
}

/// Refuses what is not implemented; it may be there as long as it asks for nothing.
fn check_nothing(parameter: &'static str, asks_for_nothing: bool) -> Result<(), ApiError> {
    if asks_for_nothing {
        return Ok(());
    }
    let refused = format!("{parameter} is not implemented; leave it out");
    Err(ApiError::invalid(refused).about(parameter))
}

/// Whether a number asks for nothing where 0 does.
fn is_zero(number: f64) -> bool {
    number.abs() < f64::EPSILON
}
