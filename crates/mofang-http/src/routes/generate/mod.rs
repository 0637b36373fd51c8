//! `POST /v1/models/{reference}/generate`.

mod view;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use futures::{Stream, stream};
use mofang_serving::{GenerateOutcome, Generation, GenerationEvent, ServingError};
use mofang_types::{GenerationOptions, ModelReference};
use serde::Deserialize;
use utoipa::ToSchema;

pub use self::view::{GenerateEndView, GeneratePieceView, GenerateView};
use crate::auth::Caller;
use crate::call::{ModelCall, read_json_call};
use crate::event_stream::{event_stream, json_event};
use crate::extract::ApiPath;
use crate::middleware::RequestContext;
use crate::problem::within_answer;
use crate::text_call::TextCall;
use crate::{ApiError, AppState, deadline};

/// A text to go on with, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateBody {
    /// The text to go on with; of one that is longer than the model reads, the end.
    #[schema(example = "Once upon a time")]
    prompt: String,
    /// Most tokens; the package's own number when absent, and never more than the server's
    /// `serving.max_generation_tokens`.
    #[serde(default)]
    #[schema(example = 64)]
    max_tokens: Option<usize>,
    /// What the logits are divided by, 0 to 100; at 0 the most probable token is taken. As all that follow:
    /// the package's own when absent.
    #[serde(default)]
    #[schema(example = 0.8)]
    temperature: Option<f64>,
    /// Only so many of the most probable tokens may be chosen.
    #[serde(default)]
    top_k: Option<usize>,
    /// Only the most probable tokens that together have this probability, above 0 and at most 1.
    #[serde(default)]
    top_p: Option<f64>,
    /// Only tokens that are at least this fraction as probable as the most probable one.
    #[serde(default)]
    min_p: Option<f64>,
    /// What makes tokens less probable that were there already; 1 does nothing.
    #[serde(default)]
    repetition_penalty: Option<f64>,
    /// Texts before which it ends, at most 16.
    #[serde(default)]
    stop: Option<Vec<String>>,
    /// What the draws are a function of; one is made, and told, when it is absent.
    #[serde(default)]
    seed: Option<u64>,
    /// Whether the text comes piece by piece, as server-sent events.
    #[serde(default)]
    stream: bool,
}

/// Goes on with a text.
///
/// With `stream`, each event's data are a piece of the text, `{"text": "…"}`, and those of the last one how it
/// ended. A failure in the middle is an event of the type `error` with a problem document. Who leaves ends
/// the text.
#[utoipa::path(
    post, path = "/v1/models/{reference}/generate", tag = "predictions",
    params(
        ("reference" = String, Path, description = "a model with a selector: `tale`, `tale@3`, `tale@production`"),
        ("X-Request-Timeout-Ms" = Option<u64>, Header, description = "how long the whole text may take, from the arrival of the request; waiting counts"),
    ),
    request_body = GenerateBody,
    responses((status = 200, description = "the text, whole or piece by piece", content((GenerateView = "application/json"), (String = "text/event-stream")))),
)]
pub(crate) async fn generate(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    ApiPath(reference): ApiPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let reference: ModelReference = reference.parse()?;
    let limit = deadline::from_headers(&headers)?;
    let call = ModelCall::begin(&state, &caller, &context, &reference, limit)?;
    let body: GenerateBody = read_json_call(&state, &headers, body).await?;
    let options = GenerationOptions {
        temperature: body.temperature,
        top_k: body.top_k,
        top_p: body.top_p,
        min_p: body.min_p,
        repetition_penalty: body.repetition_penalty,
        max_tokens: body.max_tokens,
        stop: body.stop,
        seed: body.seed,
    };
    let mut call = TextCall::new(call, 1);
    let generation = call.generate(body.prompt, options).await?;
    if body.stream {
        let request_id = context.request_id;
        return Ok(event_stream(events(call, generation, request_id)));
    }
    let (model, version) = (generation.model().to_string(), generation.version());
    let outcome = call.ended(generation.collect().await)?;
    Ok(Json(GenerateView::new(model, version, outcome)).into_response())
}

/// The pieces of a text, and how it ends.
fn events(
    call: TextCall,
    generation: Generation,
    request_id: Arc<str>,
) -> impl Stream<Item = Event> + Send {
    stream::unfold(Some((call, generation)), move |state| {
        let request_id = Arc::clone(&request_id);
        async move {
            let (mut call, mut generation) = state?;
            match generation.next().await? {
                GenerationEvent::Text(text) => {
                    let event = json_event(&GeneratePieceView { text });
                    Some((event, Some((call, generation))))
                }
                GenerationEvent::End(result) => {
                    let event = last(&mut call, &generation, result, &request_id);
                    Some((event, None))
                }
            }
        }
    })
}

fn last(
    call: &mut TextCall,
    generation: &Generation,
    result: Result<GenerateOutcome, ServingError>,
    request_id: &str,
) -> Event {
    match call.ended(result) {
        Ok(outcome) => {
            let model = generation.model().to_string();
            json_event(&GenerateEndView::new(model, generation.version(), outcome))
        }
        Err(error) => Event::default()
            .event("error")
            .data(within_answer(&error, request_id)),
    }
}
