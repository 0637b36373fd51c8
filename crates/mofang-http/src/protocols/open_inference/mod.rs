//! The Open Inference Protocol, version 2, over REST with the binary tensor extension, and over gRPC,
//! with the extensions of Triton that public clients call.
//!
//! The tensors are the model's own: what goes in is the input of the version's signature, as its
//! transforms make it, and what comes out are the signature's outputs, before its decoders. Our own
//! `predict` is for people and takes images.
//!
//! Source: kserve/open-inference-protocol `specification/protocol`, triton-inference-server/server
//! `docs/protocol`.

mod answer;
mod configuration;
mod datatype;
pub(crate) mod error;
mod framing;
pub(crate) mod grpc;
mod health;
mod infer;
mod input;
mod metadata;
mod parameters;
mod repository;
mod request;
mod response;
mod statistics;

use std::sync::Arc;

use mofang_accounts::Action;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::access::Access;
use crate::{ApiError, AppState};

/// The extensions that work.
const EXTENSIONS: [&str; 5] = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "statistics",
];

/// Who knows a model well enough to be told its inputs: whoever may ask it, or look at it.
const ASK_OR_READ: Access = Access::Either(Action::Predict, Action::ReadModels);

/// The routes over REST.
pub(super) fn routes() -> Vec<(Access, UtoipaMethodRouter<Arc<AppState>>)> {
    let may = Access::Action;
    vec![
        (Access::Public, routes!(health::live)),
        (Access::Public, routes!(health::ready)),
        (ASK_OR_READ, routes!(metadata::server)),
        (ASK_OR_READ, routes!(metadata::model)),
        (ASK_OR_READ, routes!(metadata::model_version)),
        (ASK_OR_READ, routes!(health::model_ready)),
        (ASK_OR_READ, routes!(health::model_version_ready)),
        (ASK_OR_READ, routes!(configuration::model_config)),
        (ASK_OR_READ, routes!(configuration::model_version_config)),
        (ASK_OR_READ, routes!(statistics::model_stats)),
        (ASK_OR_READ, routes!(statistics::model_version_stats)),
        (may(Action::ReadModels), routes!(statistics::all_stats)),
        (may(Action::Predict), routes!(infer::model_infer)),
        (may(Action::Predict), routes!(infer::model_version_infer)),
        (may(Action::ReadModels), routes!(repository::index)),
        (may(Action::ManageServing), routes!(repository::load)),
        (may(Action::ManageServing), routes!(repository::unload)),
    ]
}

/// Whether a path belongs to the protocol.
pub(super) fn owns(path: &str) -> bool {
    path == "/v2" || path.starts_with("/v2/")
}

/// What is said at a path of the protocol that has no route: some of them other servers have.
pub(super) fn missing(path: &str) -> Option<ApiError> {
    let rest = path.strip_prefix("/v2/")?;
    let reason = if rest.starts_with("systemsharedmemory") || rest.starts_with("cudasharedmemory") {
        "shared memory is not implemented: clients share no memory with this server; send the tensors in the body"
    } else if rest == "logging" {
        "logging is set in the server's configuration (log.filter), not by clients"
    } else if rest.ends_with("trace/setting") {
        "tracing is not set by clients; every request is in the server's log under its X-Request-Id"
    } else if rest.ends_with("/generate") || rest.ends_with("/generate_stream") {
        "generation is not part of this protocol here: /v1/models/{name}/generate and /openai/v1/completions go on with texts, and /infer gives the logits"
    } else {
        return None;
    };
    Some(ApiError::not_implemented(reason))
}
