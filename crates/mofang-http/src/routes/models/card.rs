//! `GET /v1/models/{model}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_registry::ModelCard;
use mofang_types::ModelReference;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::extract::ApiPath;
use crate::view::VersionView;
use crate::{ApiError, AppState};

/// What is known of a version.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CardView {
    /// The version.
    #[serde(flatten)]
    pub version: VersionView,
    /// The aliases that name it, by name.
    pub aliases: Vec<String>,
    /// Its manifest: signature, architecture, pipeline, labels and provenance; absent when the
    /// version is quarantined and the manifest cannot be read.
    #[schema(value_type = Option<Object>)]
    pub manifest: Option<Value>,
}

impl CardView {
    pub(crate) fn new(card: ModelCard) -> Result<Self, ApiError> {
        let manifest = card.manifest.map(serde_json::to_value).transpose();
        Ok(Self {
            version: card.version.into(),
            aliases: card.aliases.into_iter().map(Into::into).collect(),
            manifest: manifest.map_err(ApiError::internal)?,
        })
    }
}

/// Shows the card of a model's latest version, or of the version that a reference means.
#[utoipa::path(
    get, path = "/v1/models/{model}", tag = "models", operation_id = "model_card",
    params(("model" = String, Path, description = "a model, or a reference: `digits`, `digits@3`, `digits@production`")),
    responses((status = 200, description = "the card", body = CardView)),
)]
pub(crate) async fn model_card(
    State(state): State<Arc<AppState>>,
    ApiPath(model): ApiPath<String>,
) -> Result<Json<CardView>, ApiError> {
    let reference: ModelReference = model.parse()?;
    let card = state.registry.card(&reference).await?;
    Ok(Json(CardView::new(card)?))
}
