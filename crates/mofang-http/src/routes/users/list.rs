//! `GET /v1/users`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::UserView;
use crate::auth::Caller;
use crate::extract::ApiQuery;
use crate::{ApiError, AppState, PageQuery, PageView};

/// Lists the accounts.
#[utoipa::path(
    get, path = "/v1/users", tag = "accounts", operation_id = "list_users",
    params(PageQuery),
    responses((status = 200, description = "a page of accounts, by name", body = PageView<UserView>)),
)]
pub(crate) async fn list_users(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiQuery(page): ApiQuery<PageQuery>,
) -> Result<Json<PageView<UserView>>, ApiError> {
    let users = state
        .accounts
        .list_users(caller.principal(), &page.into())
        .await?;
    Ok(Json(PageView::of(users)))
}
