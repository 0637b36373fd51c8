//! `POST /invocations` and `GET /ping`: the scoring protocol of MLflow, which is also the contract of
//! SageMaker's containers.
//!
//! The protocol names no model. It is the one of the query `?model=`, else of the header
//! `X-Mofang-Model` or `X-Amzn-SageMaker-Target-Model`, else of the setting `http.invocations_model`.
//!
//! Source: MLflow's "local inference specification", SageMaker's "use your own inference code with
//! hosting services".

mod cell;
pub(crate) mod error;
mod invocations;
mod ping;
mod request;
mod texts;

use std::sync::Arc;

use mofang_accounts::Action;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::AppState;
use crate::access::Access;

/// The routes.
pub(super) fn routes() -> Vec<(Access, UtoipaMethodRouter<Arc<AppState>>)> {
    vec![
        (Access::Public, routes!(ping::ping)),
        (
            Access::Action(Action::Predict),
            routes!(invocations::invocations),
        ),
    ]
}

/// Whether a path belongs to the protocol.
pub(super) fn owns(path: &str) -> bool {
    matches!(path, "/invocations" | "/ping")
}
