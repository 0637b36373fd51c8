//! `GET /v1/models/{model}/diff`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_registry::VersionDiff;
use mofang_types::{ModelName, ModelReference, Selector};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::extract::{ApiPath, ApiQuery};
use crate::{ApiError, AppState};

/// Which versions are compared.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// The older one: a number, an alias or `latest`.
    #[param(example = "1")]
    from: String,
    /// The newer one: a number, an alias or `latest`.
    #[param(example = "latest")]
    to: String,
}

/// Compares two versions of a model: metrics, recipe, pipeline, architecture and weights.
#[utoipa::path(
    get, path = "/v1/models/{model}/diff", tag = "models", operation_id = "diff_versions",
    params(("model" = String, Path, description = "the model"), DiffQuery),
    responses((status = 200, description = "what differs", body = Object)),
)]
pub(crate) async fn diff_versions(
    State(state): State<Arc<AppState>>,
    ApiPath(model): ApiPath<String>,
    ApiQuery(query): ApiQuery<DiffQuery>,
) -> Result<Json<VersionDiff>, ApiError> {
    let model: ModelName = model.parse()?;
    let reference = |selector: &str| -> Result<ModelReference, ApiError> {
        Ok(ModelReference {
            model: model.clone(),
            selector: selector.parse::<Selector>()?,
        })
    };
    let (from, to) = (reference(&query.from)?, reference(&query.to)?);
    Ok(Json(state.registry.diff(&from, &to).await?))
}
