//! `POST /v1/models/{reference}/predict`.

mod deadline;
mod input;
mod view;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use futures::future::join_all;
use mofang_data::RawExample;
use mofang_serving::PredictOptions;
use mofang_types::{ErrorCode, ModelReference, Selector};
use serde::Deserialize;
use utoipa::IntoParams;

use self::deadline::remaining;
use self::input::{PredictBody, read_inputs};
pub use self::view::{InputError, PredictView, PredictionView, TimingView};
use crate::auth::Caller;
use crate::body::read_body;
use crate::extract::{ApiPath, ApiQuery};
use crate::middleware::RequestContext;
use crate::{ApiError, AppState};

/// What may be asked for in the query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PredictQuery {
    /// How many classes each answer has; the package's own number when absent.
    top_k: Option<usize>,
}

/// Asks a version of a model about one or several inputs.
///
/// Several inputs are several predictions in the same order, and a bad one fails alone. A single
/// input that fails is a problem document.
#[utoipa::path(
    post, path = "/v1/models/{reference}/predict", tag = "predictions",
    params(
        ("reference" = String, Path, description = "a model with a selector: `digits`, `digits@3`, `digits@production`"),
        PredictQuery,
        ("X-Request-Timeout-Ms" = Option<u64>, Header, description = "how long the answer may take, from the arrival of the request; waiting counts"),
    ),
    request_body(
        description = "tensors as JSON, an image, a form with image files, or one raw tensor of little-endian f32",
        content((PredictBody = "application/json"), (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/bmp"), (Vec<u8> = "multipart/form-data"), (Vec<u8> = "application/octet-stream")),
    ),
    responses((status = 200, description = "a prediction for each input", body = PredictView)),
)]
pub(crate) async fn predict(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    ApiPath(reference): ApiPath<String>,
    ApiQuery(query): ApiQuery<PredictQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PredictView>, ApiError> {
    let reference: ModelReference = reference.parse()?;
    let settings = &state.settings;
    // Before the body is read: an unknown model costs nothing.
    let route = state.registry.resolve(&reference)?;
    // From here on every input goes to the same version, wherever the alias moves meanwhile.
    let pinned = ModelReference {
        model: route.model.clone(),
        selector: Selector::Version(route.number),
    };
    let body = read_body(
        &headers,
        body,
        settings.body_limit_bytes,
        settings.body_timeout(),
    )
    .await?;
    let example_shape = async || -> Result<Vec<usize>, ApiError> {
        let predictor = state.serving.predictor(&pinned).await?;
        predictor
            .manifest()
            .signature
            .inputs
            .first()
            .and_then(mofang_types::TensorSpec::example_shape)
            .ok_or_else(|| {
                ApiError::new(
                    ErrorCode::UnsupportedMediaType,
                    "the model takes inputs of varying shape; send the tensor as JSON",
                )
            })
    };
    let inputs = read_inputs(&headers, body, example_shape, settings.inputs_max).await?;
    let elapsed = state.clock.monotonic().saturating_sub(context.arrived);
    let options = PredictOptions {
        top_k: query.top_k.or(inputs.top_k),
        deadline: remaining(&headers, elapsed)?,
    };
    if options.top_k == Some(0) {
        return Err(ApiError::invalid("top_k has to be at least 1"));
    }
    let one = async |input: Result<RawExample, ApiError>| -> Result<_, ApiError> {
        Ok(state.serving.predict(&pinned, input?, options).await?)
    };
    let mut results = if inputs.examples.len() == 1 {
        let mut results = Vec::with_capacity(1);
        for input in inputs.examples {
            results.push(one(input).await);
        }
        results
    } else {
        join_all(inputs.examples.into_iter().map(one)).await
    };
    let failed = results.iter().filter(|result| result.is_err()).count();
    state.metering.count_usage(
        caller.label(),
        route.model.as_str(),
        route.number,
        results.len(),
        failed,
    );
    // Nothing was predicted, and not because of the inputs: that is the server's answer, not theirs.
    if failed == results.len()
        && let Some(index) = results.iter().position(|result| {
            results.len() == 1 || matches!(result, Err(error) if !error.is_about_the_input())
        })
        && let Err(error) = results.swap_remove(index)
    {
        return Err(error);
    }
    Ok(Json(PredictView::new(
        route.model.as_str(),
        route.number,
        results,
    )))
}
