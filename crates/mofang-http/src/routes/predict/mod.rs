//! `POST /v1/models/{reference}/predict`.

mod input;
mod view;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use mofang_types::{ErrorCode, ModelReference};
use serde::Deserialize;
use utoipa::IntoParams;

use self::input::{PredictBody, read_inputs};
pub use self::view::{InputError, PredictView, PredictionView, TimingView};
use crate::auth::Caller;
use crate::call::ModelCall;
use crate::extract::{ApiPath, ApiQuery};
use crate::middleware::RequestContext;
use crate::{ApiError, AppState, deadline};

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
        description = "texts, rows or tensors as JSON; rows as CSV with a line of names, or as JSON lines; a text, an image, a recording, a form with files, or one raw tensor of little-endian f32",
        content((PredictBody = "application/json"), (String = "text/csv"), (String = "application/jsonl"), (String = "text/plain"), (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/bmp"), (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/flac"), (Vec<u8> = "audio/mpeg"), (Vec<u8> = "multipart/form-data"), (Vec<u8> = "application/octet-stream")),
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
    let limit = deadline::from_headers(&headers)?;
    let call = ModelCall::begin(&state, &caller, &context, &reference, limit)?;
    let body = call.read_body(&headers, body).await?;
    let example_shape = async || -> Result<Vec<usize>, ApiError> {
        let predictor = call.predictor().await?;
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
    let inputs = read_inputs(&headers, body, example_shape, call.inputs_max()).await?;
    let top_k = query.top_k.or(inputs.top_k);
    let results = call.predict(inputs.examples, top_k).await?;
    Ok(Json(PredictView::new(
        call.route().model.as_str(),
        call.route().number,
        results,
    )))
}
