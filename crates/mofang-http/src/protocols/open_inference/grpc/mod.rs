//! The protocol over gRPC, and gRPC's own health checks.
//!
//! Each method is a route of a router, behind the same guard and in the same frame as the routes over
//! HTTP: credentials are the metadata `authorization: Bearer …`, and quotas, metering and the log
//! know no difference. `status` is the one place that knows gRPC's status codes.

mod contents;
mod health;
mod inference;
pub(crate) mod status;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post_service;
use mofang_accounts::Action;
use mofang_grpc::health::health_server::HealthServer;
use mofang_grpc::inference::grpc_inference_service_server::GrpcInferenceServiceServer;

use self::health::HealthService;
use self::inference::InferenceService;
use super::ASK_OR_READ;
use crate::access::{Access, Guard, guard};
use crate::body::read_body;
use crate::problem::ErrorFormat;
use crate::routes::framed;
use crate::{ApiError, AppState};

/// The methods of the protocol, with what each needs; the streaming ones apart.
const METHODS: &[(&str, Access)] = &[
    ("ModelConfig", ASK_OR_READ),
    ("ModelInfer", Access::Action(Action::Predict)),
    ("ModelMetadata", ASK_OR_READ),
    ("ModelReady", ASK_OR_READ),
    ("ModelStatistics", ASK_OR_READ),
    ("RepositoryIndex", Access::Action(Action::ReadModels)),
    ("RepositoryModelLoad", Access::Action(Action::ManageServing)),
    (
        "RepositoryModelUnload",
        Access::Action(Action::ManageServing),
    ),
    ("ServerLive", Access::Public),
    ("ServerMetadata", ASK_OR_READ),
    ("ServerReady", Access::Public),
];

/// Makes the router over the services; it is served over HTTP/2.
pub(crate) fn app(state: &Arc<AppState>) -> Router {
    let limit = state.settings.body_limit_bytes;
    let inference = GrpcInferenceServiceServer::new(InferenceService::new(state))
        .max_decoding_message_size(limit)
        // Answers are as large as our models make them.
        .max_encoding_message_size(usize::MAX);
    let health = HealthServer::new(HealthService::new(state)).max_decoding_message_size(4096);
    let guarded = |access| {
        let state = Arc::clone(state);
        from_fn_with_state(Guard { state, access }, guard)
    };
    let whole_body = |limit_bytes| {
        let state = Arc::clone(state);
        from_fn_with_state(MessageLimit { state, limit_bytes }, whole_body)
    };
    // Only tensors are large; some of the other methods are open to everybody.
    let small = state.settings.json_limit_bytes;
    let mut router = Router::new();
    for (method, access) in METHODS {
        let limit_bytes = if *method == "ModelInfer" {
            limit
        } else {
            small
        };
        let service = post_service(inference.clone())
            .route_layer(whole_body(limit_bytes))
            .route_layer(guarded(*access));
        router = router.route(
            &format!("/inference.GRPCInferenceService/{method}"),
            service,
        );
    }
    let stream = post_service(inference).route_layer(guarded(Access::Action(Action::Predict)));
    let checks = post_service(health).route_layer(whole_body(small));
    let router = router
        .route("/inference.GRPCInferenceService/ModelStreamInfer", stream)
        .route("/grpc.health.v1.Health/Check", checks.clone())
        .route("/grpc.health.v1.Health/Watch", checks)
        .fallback(missing);
    framed(state, router, |_| ErrorFormat::Grpc)
}

/// How large the message of a method may be.
#[derive(Debug, Clone)]
struct MessageLimit {
    state: Arc<AppState>,
    limit_bytes: usize,
}

/// Reads a request that is one message within the limits that bodies have everywhere.
async fn whole_body(
    State(MessageLimit { state, limit_bytes }): State<MessageLimit>,
    request: Request,
    next: Next,
) -> Response {
    let timeout = state.settings.body_timeout();
    let (parts, body) = request.into_parts();
    match read_body(&parts.headers, body, limit_bytes, timeout).await {
        Ok(bytes) => {
            next.run(Request::from_parts(parts, Body::from(bytes)))
                .await
        }
        Err(error) => error.into_response(),
    }
}

/// What is said of a method that is not there.
async fn missing(request: Request) -> ApiError {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default();
    ApiError::not_implemented(match method {
        "TraceSetting" => {
            "tracing is not set by clients; every request is in the server's log under its x-request-id"
        }
        "LogSettings" => {
            "logging is set in the server's configuration (log.filter), not by clients"
        }
        method if method.contains("SharedMemory") => {
            "shared memory is not implemented: clients share no memory with this server; send the tensors in the message"
        }
        _ => {
            "there is no such method; inference.GRPCInferenceService and grpc.health.v1.Health are served"
        }
    })
}
