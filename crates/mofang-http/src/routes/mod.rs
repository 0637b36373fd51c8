//! Every route with the access it needs: the one list.

mod aliases;
mod audit;
mod datasets;
mod doctor;
mod evaluate;
mod generate;
mod health;
mod keys;
mod metrics;
mod models;
mod predict;
mod sessions;
mod users;
mod versions;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use mofang_accounts::Action;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::access::{Access, guarded};
use crate::middleware::{Frame, request, security_headers};
use crate::problem::ErrorFormat;
use crate::{AppState, openapi, protocols};

/// What the interface answers with, for clients written in Rust.
pub mod view {
    pub use super::aliases::list::AliasesView;
    pub use super::aliases::{AliasMoveView, AliasView};
    pub use super::audit::AuditView;
    pub use super::datasets::DatasetView;
    pub use super::datasets::list::DatasetsView;
    pub use super::doctor::{CheckView, DoctorView};
    pub use super::evaluate::EvaluationView;
    pub use super::generate::{GenerateEndView, GeneratePieceView, GenerateView};
    pub use super::keys::KeyView;
    pub use super::keys::create::CreatedKeyView;
    pub use super::models::ModelView;
    pub use super::models::card::CardView;
    pub use super::predict::{InputError, PredictView, PredictionView, TimingView};
    pub use super::sessions::SessionView;
    pub use super::sessions::list::SessionsView;
    pub use super::sessions::log_in::OpenedSessionView;
    pub use super::users::UserView;
    pub use super::users::me::MeView;
    pub use super::versions::VersionView;
    pub use super::versions::import::ImportedView;
}

pub(crate) use self::health::readiness;

/// Makes the router over the services.
pub fn app(state: &Arc<AppState>) -> Router {
    let mut router = OpenApiRouter::with_openapi(openapi::base());
    for (access, routes) in all().into_iter().chain(protocols::routes()) {
        router = router.routes(guarded(state, access, routes));
    }
    let (router, document) = router.split_for_parts();
    let text = serde_json::to_vec(&document).unwrap_or_default();
    state.openapi.get_or_init(|| text.into());
    framed(
        state,
        router.fallback(protocols::nothing_here),
        protocols::error_format,
    )
    .layer(map_response(security_headers))
}

/// Makes the router of the protocols over gRPC, which is served with [`crate::serve_http2`].
pub fn grpc_app(state: &Arc<AppState>) -> Router {
    protocols::open_inference::grpc::app(state)
}

/// Makes a router with the figures and the health of the server alone, without accounts: for a
/// second listener that only the operator's network reaches.
pub fn metrics_app(state: &Arc<AppState>) -> Router {
    let (router, _) = OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .split_for_parts();
    framed(state, router, |_| ErrorFormat::Problem).layer(map_response(security_headers))
}

/// Puts around a router what happens to every request.
pub(crate) fn framed(
    state: &Arc<AppState>,
    router: Router<Arc<AppState>>,
    error_format: fn(&str) -> ErrorFormat,
) -> Router {
    let frame = Frame {
        state: Arc::clone(state),
        error_format,
    };
    router
        .with_state(Arc::clone(state))
        .layer(from_fn_with_state(frame, request))
}

fn all() -> Vec<(Access, UtoipaMethodRouter<Arc<AppState>>)> {
    use Access::{Anyone, Docs, Public};
    let may = Access::Action;
    vec![
        (Public, routes!(health::healthz)),
        (Public, routes!(health::readyz)),
        // The figures name the keys and users of everybody.
        (may(Action::Diagnose), routes!(metrics::metrics)),
        (Docs, routes!(openapi::openapi_json)),
        (Docs, routes!(openapi::docs)),
        (Docs, routes!(openapi::docs_index)),
        (Docs, routes!(openapi::docs_file)),
        (Anyone, routes!(users::register::register)),
        (may(Action::ManageUsers), routes!(users::list::list_users)),
        (
            may(Action::ManageUsers),
            routes!(users::update::update_user),
        ),
        (may(Action::ReadOwnAccount), routes!(users::me::me)),
        (
            may(Action::ManageOwnAccount),
            routes!(users::change_password::change_password),
        ),
        (Public, routes!(sessions::log_in::log_in)),
        (
            may(Action::ReadOwnAccount),
            routes!(sessions::list::list_sessions),
        ),
        (
            may(Action::ManageOwnAccount),
            routes!(sessions::end::end_session),
        ),
        (
            may(Action::ManageOwnAccount),
            routes!(keys::create::create_key),
        ),
        (may(Action::ReadOwnAccount), routes!(keys::list::list_keys)),
        (
            may(Action::ManageOwnAccount),
            routes!(keys::revoke::revoke_key),
        ),
        (may(Action::ReadModels), routes!(models::list::list_models)),
        (may(Action::ReadModels), routes!(models::card::model_card)),
        (
            may(Action::DeleteModel),
            routes!(models::delete::delete_model),
        ),
        (
            may(Action::ReadModels),
            routes!(models::diff::diff_versions),
        ),
        (
            may(Action::ReadModels),
            routes!(versions::list::list_versions),
        ),
        (
            may(Action::ReadModels),
            routes!(versions::card::version_card),
        ),
        (
            may(Action::DeleteVersion),
            routes!(versions::delete::delete_version),
        ),
        (
            may(Action::PublishVersion),
            routes!(versions::import::import_version),
        ),
        (may(Action::ManageTags), routes!(versions::tag::tag_version)),
        (
            may(Action::ManageTags),
            routes!(versions::untag::untag_version),
        ),
        (
            may(Action::ReadModels),
            routes!(aliases::list::list_aliases),
        ),
        (may(Action::ManageAliases), routes!(aliases::set::set_alias)),
        (
            may(Action::ManageAliases),
            routes!(aliases::delete::delete_alias),
        ),
        (
            may(Action::ReadModels),
            routes!(aliases::history::alias_history),
        ),
        (
            may(Action::ManageAliases),
            routes!(aliases::rollback::rollback_alias),
        ),
        (may(Action::Predict), routes!(predict::predict)),
        (may(Action::Predict), routes!(generate::generate)),
        (may(Action::Evaluate), routes!(evaluate::evaluate)),
        (
            may(Action::ReadDatasets),
            routes!(datasets::list::list_datasets),
        ),
        (
            may(Action::ReadDatasets),
            routes!(datasets::show::show_dataset),
        ),
        (
            may(Action::PullDatasets),
            routes!(datasets::pull::pull_dataset),
        ),
        (
            may(Action::PullDatasets),
            routes!(datasets::verify::verify_dataset),
        ),
        (may(Action::ReadAudit), routes!(audit::list_audit)),
        (may(Action::Diagnose), routes!(doctor::doctor)),
    ]
}
