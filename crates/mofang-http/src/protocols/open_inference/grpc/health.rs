//! gRPC's own health checks, which balancers and orchestrators ask.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt as _};
use mofang_grpc::health::health_check_response::ServingStatus;
use mofang_grpc::health::health_server::Health;
use mofang_grpc::health::{HealthCheckRequest, HealthCheckResponse};
use mofang_grpc::tonic::{Request, Response, Status, async_trait};

use crate::AppState;
use crate::routes::readiness;

/// How often a watched status is looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// The services whose health can be asked for; empty is the whole server.
const SERVICES: [&str; 3] = [
    "",
    "grpc.health.v1.Health",
    "inference.GRPCInferenceService",
];

/// The health of the server.
#[derive(Debug)]
pub(super) struct HealthService {
    state: Arc<AppState>,
}

impl HealthService {
    pub(super) fn new(state: &Arc<AppState>) -> Self {
        Self {
            state: Arc::clone(state),
        }
    }
}

async fn serving_status(state: &AppState) -> ServingStatus {
    match readiness(state).await {
        Ok(()) => ServingStatus::Serving,
        Err(_) => ServingStatus::NotServing,
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[async_trait]
impl Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        if !SERVICES.contains(&service.as_str()) {
            return Err(Status::not_found("there is no such service"));
        }
        Ok(Response::new(answer(serving_status(&self.state).await)))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let state = Arc::clone(&self.state);
        if !SERVICES.contains(&service.as_str()) {
            // The protocol wants an answer here and a stream that stays open; nothing will change.
            let unknown = stream::iter([Ok(answer(ServingStatus::ServiceUnknown))]);
            let never = stream::once(async move {
                state.closed().await;
                Err(Status::unavailable("the server is shutting down"))
            });
            return Ok(Response::new(unknown.chain(never).boxed()));
        }
        let changes = stream::unfold((state, None), |(state, told)| async move {
            loop {
                if told == Some(ServingStatus::NotServing) && state.is_closing() {
                    return None;
                }
                let status = serving_status(&state).await;
                if told != Some(status) {
                    return Some((Ok(answer(status)), (state, Some(status))));
                }
                // Whoever shuts the server down need not wait for the next look.
                let _ = tokio::time::timeout(WATCH_INTERVAL, state.closed()).await;
            }
        });
        Ok(Response::new(changes.boxed()))
    }
}
