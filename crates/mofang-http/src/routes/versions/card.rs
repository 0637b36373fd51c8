//! `GET /v1/models/{model}/versions/{selector}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::reference;
use crate::extract::ApiPath;
use crate::view::CardView;
use crate::{ApiError, AppState};

/// Shows the card of a version.
#[utoipa::path(
    get, path = "/v1/models/{model}/versions/{selector}", tag = "models", operation_id = "version_card",
    params(("model" = String, Path, description = "the model"), ("selector" = String, Path, description = "a number, an alias or `latest`")),
    responses((status = 200, description = "the card", body = CardView)),
)]
pub(crate) async fn version_card(
    State(state): State<Arc<AppState>>,
    ApiPath((model, selector)): ApiPath<(String, String)>,
) -> Result<Json<CardView>, ApiError> {
    let card = state.registry.card(&reference(&model, &selector)?).await?;
    Ok(Json(CardView::new(card)?))
}
