//! `GET /v2/models/{reference}/stats`, Triton's statistics extension.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sums of seconds are positive and shown in whole nanoseconds"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mofang_serving::{HistogramSnapshot, VersionMetricsSnapshot};
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::ApiPath;
use crate::protocols::reference;
use crate::{ApiError, AppState};

/// What was counted since the start of the server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceStatistics)]
pub(crate) struct Statistics {
    /// One entry for each version that was asked.
    pub(super) model_stats: Vec<ModelStatistics>,
}

/// What was counted of a version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceModelStatistics)]
pub(crate) struct ModelStatistics {
    /// The model.
    #[schema(example = "digits")]
    pub(super) name: String,
    /// The number of the version.
    #[schema(example = "1")]
    pub(super) version: String,
    /// When a request was last answered, in milliseconds since 1970.
    pub(super) last_inference: u64,
    /// Examples that were answered.
    pub(super) inference_count: u64,
    /// Batches that were computed.
    pub(super) execution_count: u64,
    /// Where the time went.
    pub(super) inference_stats: InferStatistics,
    /// Empty: durations by batch size are not kept.
    pub(super) batch_stats: Vec<StatisticDuration>,
}

/// Where the time went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceInferStatistics)]
pub(crate) struct InferStatistics {
    /// Requests that were answered.
    pub(super) success: StatisticDuration,
    /// Requests that failed.
    pub(super) fail: StatisticDuration,
    /// Waiting of examples for their batch.
    pub(super) queue: StatisticDuration,
    /// Checking and preparing of examples.
    pub(super) compute_input: StatisticDuration,
    /// Computing of batches.
    pub(super) compute_infer: StatisticDuration,
    /// Not measured apart.
    pub(super) compute_output: StatisticDuration,
    /// There is no cache of answers.
    pub(super) cache_hit: StatisticDuration,
    /// There is no cache of answers.
    pub(super) cache_miss: StatisticDuration,
}

/// How often, and how long together.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
#[schema(as = OpenInferenceStatisticDuration)]
pub(crate) struct StatisticDuration {
    pub(super) count: u64,
    pub(super) ns: u64,
}

/// What was counted of a model: of every version that was asked, or of the one that is named.
#[utoipa::path(get, path = "/v2/models/{reference}/stats", tag = "open inference protocol", params(("reference" = String, Path, description = "a model with a selector: `digits`, `digits@production`, `digits:3`")), responses((status = 200, description = "the figures", body = Statistics)))]
pub(crate) async fn model_stats(
    State(state): State<Arc<AppState>>,
    ApiPath(name): ApiPath<String>,
) -> Result<Json<Statistics>, ApiError> {
    statistics(&state, &name, None).map(Json)
}

/// What was counted of a version of a model.
#[utoipa::path(get, path = "/v2/models/{reference}/versions/{version}/stats", tag = "open inference protocol", params(("reference" = String, Path, description = "a model"), ("version" = String, Path, description = "a number, or an alias")), responses((status = 200, description = "the figures", body = Statistics)))]
pub(crate) async fn model_version_stats(
    State(state): State<Arc<AppState>>,
    ApiPath((name, version)): ApiPath<(String, String)>,
) -> Result<Json<Statistics>, ApiError> {
    statistics(&state, &name, Some(&version)).map(Json)
}

/// What was counted of every version that was asked.
#[utoipa::path(get, path = "/v2/models/stats", tag = "open inference protocol", responses((status = 200, description = "the figures", body = Statistics)))]
pub(crate) async fn all_stats(
    State(state): State<Arc<AppState>>,
) -> Result<Json<Statistics>, ApiError> {
    statistics(&state, "", None).map(Json)
}

/// The figures of the versions that a name means; of all of them when it is empty.
pub(super) fn statistics(
    state: &AppState,
    name: &str,
    version: Option<&str>,
) -> Result<Statistics, ApiError> {
    let snapshot = state.serving.snapshot().versions;
    let counted = |wanted: &dyn Fn(&VersionMetricsSnapshot) -> bool| Statistics {
        model_stats: snapshot
            .iter()
            .filter(|version| wanted(version))
            .map(ModelStatistics::of)
            .collect(),
    };
    if name.is_empty() {
        return Ok(counted(&|_| true));
    }
    let reference = reference(name, version)?;
    let route = state.registry.locate(&reference)?;
    let names_version = name.contains(['@', ':']) || version.is_some_and(|text| !text.is_empty());
    Ok(counted(&|version| {
        version.model == route.model && (!names_version || version.version == route.number)
    }))
}

impl ModelStatistics {
    fn of(version: &VersionMetricsSnapshot) -> Self {
        Self {
            name: version.model.to_string(),
            version: version.version.to_string(),
            last_inference: u64::try_from(version.last_answer_unix_ms).unwrap_or(0),
            inference_count: version.successes,
            execution_count: version.batch_size.count,
            inference_stats: InferStatistics {
                success: duration(&version.answered_seconds),
                fail: duration(&version.failed_seconds),
                queue: duration(&version.queue_seconds),
                compute_input: duration(&version.prepare_seconds),
                compute_infer: duration(&version.infer_seconds),
                compute_output: StatisticDuration::default(),
                cache_hit: StatisticDuration::default(),
                cache_miss: StatisticDuration::default(),
            },
            batch_stats: Vec::new(),
        }
    }
}

fn duration(histogram: &HistogramSnapshot) -> StatisticDuration {
    StatisticDuration {
        count: histogram.count,
        ns: (histogram.sum * 1e9) as u64,
    }
}
