//! `GET /v1/audit`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_accounts::{AuditEntry, AuditFilter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::extract::ApiQuery;
use crate::{ApiError, AppState, PageQuery, PageView};

/// Which entries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// The `next` of the page before; absent for the first page.
    after: Option<String>,
    /// Most items to return, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// Only acts of this name, e.g. `alias.set`.
    action: Option<String>,
    /// Only acts by the user of this name.
    actor: Option<String>,
    /// Only acts on this subject, e.g. `digits@3`.
    subject: Option<String>,
}

/// A recorded act.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// The place in the log, growing.
    pub sequence: i64,
    /// The id.
    pub id: String,
    /// When.
    pub at_unix_ms: i64,
    /// The id of the user who did it; absent for the system and for the command line.
    pub actor_id: Option<String>,
    /// The name of who did it.
    pub actor: String,
    /// What was done.
    #[schema(example = "alias.set")]
    pub action: String,
    /// What it was done to.
    #[schema(example = "digits@production")]
    pub subject: String,
    /// More about it.
    #[schema(value_type = Object)]
    pub details: Value,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            sequence: entry.sequence,
            id: entry.id,
            at_unix_ms: entry.at_unix_ms,
            actor_id: entry.actor_id,
            actor: entry.actor,
            action: entry.action,
            subject: entry.subject,
            details: entry.details,
        }
    }
}

/// Lists the audit log.
#[utoipa::path(
    get, path = "/v1/audit", tag = "server", operation_id = "list_audit",
    params(AuditQuery),
    responses((status = 200, description = "a page of entries, newest first", body = PageView<AuditView>)),
)]
pub(crate) async fn list_audit(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiQuery(query): ApiQuery<AuditQuery>,
) -> Result<Json<PageView<AuditView>>, ApiError> {
    let filter = AuditFilter {
        action: query.action,
        actor: query.actor,
        subject: query.subject,
    };
    let page = PageQuery {
        after: query.after,
        limit: query.limit,
    };
    let entries = state
        .accounts
        .audit(caller.principal(), &filter, &page.into())
        .await?;
    Ok(Json(PageView::of(entries)))
}
