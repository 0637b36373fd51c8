//! `GET /v1/doctor`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use mofang_store::VersionStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AppState;

/// How the installation is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DoctorView {
    /// Whether every check passed.
    pub healthy: bool,
    /// The checks.
    pub checks: Vec<CheckView>,
}

/// One check.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    /// What was checked.
    #[schema(example = "database")]
    pub name: String,
    /// Whether it is as it should be.
    pub passed: bool,
    /// What was found.
    pub detail: String,
}

impl CheckView {
    fn new(name: &str, found: Result<String, String>) -> Self {
        Self {
            name: name.to_owned(),
            passed: found.is_ok(),
            detail: found.unwrap_or_else(|fault| fault),
        }
    }
}

/// Checks the database, the artifacts and the versions. Only admins see it, so it names causes.
#[utoipa::path(
    get, path = "/v1/doctor", tag = "server",
    responses((status = 200, description = "the checks; `healthy` sums them up", body = DoctorView)),
)]
pub(crate) async fn doctor(State(state): State<Arc<AppState>>) -> Json<DoctorView> {
    let checks = vec![
        CheckView::new("database", database(&state).await),
        CheckView::new("artifacts", artifacts(&state).await),
        CheckView::new("versions", versions(&state).await),
        CheckView::new("devices", devices().await),
    ];
    Json(DoctorView {
        healthy: checks.iter().all(|check| check.passed),
        checks,
    })
}

/// Drivers that are asked for the first time may take their time.
async fn devices() -> Result<String, String> {
    let devices = tokio::task::spawn_blocking(mofang_runtime::devices).await;
    devices.map_err(|error| error.to_string())
}

async fn database(state: &AppState) -> Result<String, String> {
    let verified = state.registry.store().verify().await;
    verified.map_err(|error| error.to_string())?;
    Ok("the whole database is sound".to_owned())
}

async fn artifacts(state: &AppState) -> Result<String, String> {
    let artifacts = state.registry.artifacts();
    let probe = Bytes::from_static(b"mofang doctor");
    let fault = |error: mofang_artifacts::ArtifactError| error.to_string();
    let digest = artifacts.put(probe).await.map_err(fault)?;
    artifacts.get(&digest).await.map_err(fault)?;
    artifacts.delete(&digest).await.map_err(fault)?;
    Ok("an artifact was written, read back and deleted".to_owned())
}

async fn versions(state: &AppState) -> Result<String, String> {
    let routes = state.registry.store().routes().await;
    let routes = routes.map_err(|error| error.to_string())?;
    let quarantined: Vec<String> = routes
        .iter()
        .filter(|route| route.status == VersionStatus::Quarantined)
        .map(|route| format!("{}@{}", route.model, route.number))
        .collect();
    if quarantined.is_empty() {
        Ok(format!("{} versions, none quarantined", routes.len()))
    } else {
        Err(format!(
            "quarantined, because their bytes are damaged: {}",
            quarantined.join(", ")
        ))
    }
}
