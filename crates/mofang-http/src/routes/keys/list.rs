//! `GET /v1/keys`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::KeyView;
use crate::auth::Caller;
use crate::extract::ApiQuery;
use crate::{ApiError, AppState, PageQuery, PageView};

/// Whose keys are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyQuery {
    /// The `next` of the page before; absent for the first page.
    after: Option<String>,
    /// Most items to return, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// Whether the keys of all users are listed, which admins may.
    #[serde(default)]
    #[param(required = false)]
    all: bool,
}

/// Lists the own keys, or those of all users.
#[utoipa::path(
    get, path = "/v1/keys", tag = "accounts", operation_id = "list_keys",
    params(KeyQuery),
    responses((status = 200, description = "a page of keys", body = PageView<KeyView>)),
)]
pub(crate) async fn list_keys(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiQuery(query): ApiQuery<KeyQuery>,
) -> Result<Json<PageView<KeyView>>, ApiError> {
    let page = PageQuery {
        after: query.after,
        limit: query.limit,
    };
    let (principal, page) = (caller.principal(), page.into());
    let keys = if query.all {
        state.accounts.list_all_keys(principal, &page).await?
    } else {
        state.accounts.list_keys(principal, &page).await?
    };
    Ok(Json(PageView::of(keys)))
}
