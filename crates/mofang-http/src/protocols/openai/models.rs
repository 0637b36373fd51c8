//! `GET /openai/v1/models`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_store::{VersionRecord, VersionStatus};
use mofang_types::{Coded as _, ErrorCode, ModelReference, Selector, Task};
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::ApiPath;
use crate::protocols::reference;
use crate::{ApiError, AppState};

/// The models that the protocol has a question for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiModels)]
pub(crate) struct Models {
    /// Always `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The models, by name.
    data: Vec<Model>,
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiModel)]
pub(crate) struct Model {
    /// The name, or the reference that was asked for.
    #[schema(example = "tale")]
    id: String,
    /// Always `model`.
    #[schema(example = "model")]
    object: &'static str,
    /// When its version was published, in seconds since 1970.
    created: i64,
    /// Always `mofang`.
    #[schema(example = "mofang")]
    owned_by: &'static str,
}

impl Model {
    fn new(id: String, version: &VersionRecord) -> Self {
        Self {
            id,
            object: "model",
            created: version.created_unix_ms / 1000,
            owned_by: "mofang",
        }
    }
}

/// Whether the protocol has a question for models of this task.
fn is_asked(task: Task) -> bool {
    matches!(
        task,
        Task::Embedding | Task::SpeechRecognition | Task::TextGeneration
    )
}

/// The models that go on with texts, give embeddings or write down what is said.
#[utoipa::path(get, path = "/openai/v1/models", tag = "openai protocol", operation_id = "openai_list_models", responses((status = 200, description = "the models, by name", body = Models)))]
pub(crate) async fn list(State(state): State<Arc<AppState>>) -> Result<Json<Models>, ApiError> {
    let mut data = Vec::new();
    for summary in state.registry.all_models().await? {
        let Some(number) = summary.latest_number else {
            continue;
        };
        let reference = ModelReference {
            model: summary.model.name.clone(),
            selector: Selector::Version(number),
        };
        match state.registry.version(&reference).await {
            Ok(version) if is_asked(version.task) && version.status == VersionStatus::Ready => {
                data.push(Model::new(summary.model.name.into(), &version));
            }
            Ok(_) => {}
            // It was deleted meanwhile.
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Json(Models {
        object: "list",
        data,
    }))
}

/// One of these models.
#[utoipa::path(get, path = "/openai/v1/models/{reference}", tag = "openai protocol", operation_id = "openai_model", params(("reference" = String, Path, description = "a model, perhaps with a selector: `tale`, `tale@production`, `tale:3`")), responses((status = 200, description = "the model", body = Model)))]
pub(crate) async fn model(
    State(state): State<Arc<AppState>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<Model>, ApiError> {
    let version = asked_version(&state, &name)
        .await
        .map_err(|error| error.about("model"))?;
    Ok(Json(Model::new(name, &version)))
}

async fn asked_version(state: &AppState, name: &str) -> Result<VersionRecord, ApiError> {
    let reference = reference(name, None)?;
    let version = state.registry.version(&reference).await?;
    if is_asked(version.task) {
        return Ok(version);
    }
    Err(ApiError::new(
        ErrorCode::NotFound,
        format!(
            "the model \"{}\" is of the task {}, for which this protocol has no question; \
             ask it at /v1/models/{}/predict",
            version.model, version.task, version.model
        ),
    ))
}
