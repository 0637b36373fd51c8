//! `POST /v1/models/{reference}/evaluate`.

mod budget;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use mofang_data::SplitReference;
use mofang_serving::{Evaluation, EvaluationError, InferFailure};
use mofang_types::{ErrorCode, ModelReference, Selector};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::budget::{Budget, CancelOnDrop};
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
    /// Metrics by name with their intervals, the numbers of each class, the confusion matrix and the surest mistakes.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub evaluation: Evaluation,
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
    let datasets = Arc::clone(&state.datasets);
    let evaluation = tokio::task::spawn_blocking({
        let split = split.clone();
        move || {
            let _permit = permit;
            // A name of the catalogue: a path of the caller's choosing is not opened here.
            let load = |settings: &_| datasets.load_from_catalogue(&split.dataset, settings);
            let proceed = &mut || {
                let spent = budget.check();
                spent.map_err(|spent| Box::new(spent) as InferFailure)
            };
            mofang_serving::evaluate(&predictor, &split, load, proceed)
        }
    })
    .await
    .map_err(ApiError::internal)?
    .map_err(|error| match error {
        EvaluationError::Data(error) => refused(error),
        error @ (EvaluationError::OtherLabels { .. } | EvaluationError::Evaluate(_) | _) => {
            error.into()
        }
    })?;
    Ok(Json(EvaluationView {
        model: route.model.into(),
        version: route.number,
        dataset: split.to_string(),
        evaluation,
    }))
}
