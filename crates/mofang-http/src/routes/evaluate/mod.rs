//! `POST /v1/models/{reference}/evaluate`.

mod budget;
mod split;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use mofang_data::Pipeline;
use mofang_runtime::Predictor;
use mofang_train::{EvaluateSettings, Evaluation, InferFailure, evaluate as judge};
use mofang_types::{ErrorCode, ModelReference, Selector};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use self::budget::{Budget, CancelOnDrop};
use self::split::SplitReference;
use crate::extract::{ApiJson, ApiPath};
use crate::routes::datasets::refused;
use crate::{ApiError, AppState};

/// What to evaluate on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvaluateBody {
    /// A dataset of the catalogue and its split.
    #[schema(example = "digits:test")]
    dataset: String,
}

/// How good a version is on a split.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EvaluationView {
    /// The model.
    #[schema(example = "digits")]
    pub model: String,
    /// The number of its version.
    #[schema(example = 1)]
    pub version: u32,
    /// The dataset and its split.
    #[schema(example = "digits:test")]
    pub dataset: String,
    /// Metrics by name, the numbers of each class, the confusion matrix and the surest mistakes.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub evaluation: Value,
}

/// Evaluates a version on a split of a dataset. One evaluation runs at a time.
#[utoipa::path(
    post, path = "/v1/models/{reference}/evaluate", tag = "predictions",
    params(("reference" = String, Path, description = "a model with a selector: `digits`, `digits@3`, `digits@production`")),
    request_body = EvaluateBody,
    responses((status = 200, description = "the evaluation", body = EvaluationView)),
)]
pub(crate) async fn evaluate(
    State(state): State<Arc<AppState>>,
    ApiPath(reference): ApiPath<String>,
    ApiJson(body): ApiJson<EvaluateBody>,
) -> Result<Json<EvaluationView>, ApiError> {
    let reference: ModelReference = reference.parse()?;
    let split: SplitReference = body.dataset.parse()?;
    // A name of the catalogue: a path to a description of the caller's own is not opened here.
    state.datasets.show(&split.dataset)?;
    let route = state.registry.resolve(&reference)?;
    let permit = Arc::clone(&state.evaluations)
        .try_acquire_owned()
        .map_err(|_| {
            ApiError::new(
                ErrorCode::Overloaded,
                "another evaluation is running; try again later",
            )
            .retry_after(Duration::from_secs(10))
        })?;
    let pinned = ModelReference {
        model: route.model.clone(),
        selector: Selector::Version(route.number),
    };
    let predictor = state.serving.predictor(&pinned).await?;
    let budget = Budget::new(
        Arc::clone(&state.clock),
        state.settings.evaluation_timeout(),
    );
    // When the caller leaves, this future is dropped, and the work ends at its next batch.
    let _cancel = CancelOnDrop::new(&budget);
    let work_state = Arc::clone(&state);
    let work_split = split.clone();
    let evaluation = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        run(&work_state, &predictor, &work_split, &budget)
    })
    .await
    .map_err(ApiError::internal)??;
    Ok(Json(EvaluationView {
        model: route.model.into(),
        version: route.number,
        dataset: split.to_string(),
        evaluation: serde_json::to_value(evaluation).map_err(ApiError::internal)?,
    }))
}

fn run(
    state: &AppState,
    predictor: &Predictor,
    split: &SplitReference,
    budget: &Budget,
) -> Result<Evaluation, ApiError> {
    let manifest = predictor.manifest();
    let dataset = state
        .datasets
        .load(&split.dataset, &split.settings(manifest))
        .map_err(refused)?;
    if dataset.labels != manifest.labels {
        return Err(ApiError::invalid(format!(
            "the dataset \"{}\" has other labels than the model",
            split.dataset
        )));
    }
    let pipeline = Pipeline::from_json(&manifest.pipeline)?.compile(&manifest.labels)?;
    let mut infer = |batch: &mofang_types::Tensor| -> Result<_, InferFailure> {
        budget
            .check()
            .map_err(|error| Box::new(error) as InferFailure)?;
        predictor
            .infer(batch)
            .map_err(|error| Box::new(error) as InferFailure)
    };
    Ok(judge(
        dataset.split(split.name)?,
        &pipeline,
        &mut infer,
        &manifest.labels,
        &EvaluateSettings::default(),
    )?)
}
