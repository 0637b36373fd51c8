//! `POST /v2/models/{reference}/infer`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};

use super::answer::{compute, only};
use super::input::examples;
use super::parameters::apply_to_call;
use super::request::{InferRequest, read};
use super::response::{InferResponse, write};
use crate::auth::Caller;
use crate::call::ModelCall;
use crate::extract::ApiPath;
use crate::middleware::RequestContext;
use crate::protocols::reference;
use crate::{ApiError, AppState, deadline};

/// Computes the outputs of a model for a batch of its own inputs.
///
/// The tensors are those of the signature, prepared by the caller. They come as JSON, or as raw
/// bytes behind the JSON whose length `Inference-Header-Content-Length` says; zero means that the
/// whole body is the one input.
#[utoipa::path(
    post, path = "/v2/models/{reference}/infer", tag = "open inference protocol",
    params(
        ("reference" = String, Path, description = "a model with a selector: `digits`, `digits@production`, `digits:3`"),
        ("Inference-Header-Content-Length" = Option<u64>, Header, description = "how many bytes of the body are JSON; the raw tensors follow"),
        ("X-Request-Timeout-Ms" = Option<u64>, Header, description = "how long the answer may take, from the arrival of the request; waiting counts"),
    ),
    request_body(
        description = "JSON, or JSON with raw tensors behind it, or one raw tensor",
        content((InferRequest = "application/json"), (Vec<u8> = "application/octet-stream")),
    ),
    responses((status = 200, description = "the outputs, all of them raw bytes behind the JSON when asked so", content((InferResponse<'_> = "application/json"), (Vec<u8> = "application/octet-stream")))),
)]
pub(crate) async fn model_infer(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    ApiPath(name): ApiPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    infer(&state, &caller, &context, &name, None, &headers, body).await
}

/// Computes the outputs of a version of a model for a batch of its own inputs.
#[utoipa::path(
    post, path = "/v2/models/{reference}/versions/{version}/infer", tag = "open inference protocol",
    params(
        ("reference" = String, Path, description = "a model"),
        ("version" = String, Path, description = "a number, or an alias"),
        ("Inference-Header-Content-Length" = Option<u64>, Header, description = "how many bytes of the body are JSON; the raw tensors follow"),
        ("X-Request-Timeout-Ms" = Option<u64>, Header, description = "how long the answer may take, from the arrival of the request; waiting counts"),
    ),
    request_body(
        description = "JSON, or JSON with raw tensors behind it, or one raw tensor",
        content((InferRequest = "application/json"), (Vec<u8> = "application/octet-stream")),
    ),
    responses((status = 200, description = "the outputs", content((InferResponse<'_> = "application/json"), (Vec<u8> = "application/octet-stream")))),
)]
pub(crate) async fn model_version_infer(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    ApiPath((name, version)): ApiPath<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let version = Some(version.as_str());
    infer(&state, &caller, &context, &name, version, &headers, body).await
}

async fn infer(
    state: &Arc<AppState>,
    caller: &Caller,
    context: &RequestContext,
    name: &str,
    version: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let reference = reference(name, version)?;
    let limit = deadline::from_headers(headers)?;
    let mut call = ModelCall::begin(state, caller, context, &reference, limit)?;
    let body = call.read_body(headers, body).await?;
    let predictor = call.predictor().await?;
    let spec = only(&predictor.manifest().signature.inputs, "input")?;
    let asked = read(headers, body, spec)?;
    apply_to_call(&mut call, &asked.parameters)?;
    let examples = examples(asked.inputs, spec, call.inputs_max())?;
    let outputs = compute(
        &call,
        &predictor,
        examples,
        asked.outputs,
        asked.default_is_binary,
    )
    .await?;
    write(name, call.route().number, asked.id.as_deref(), &outputs)
}
