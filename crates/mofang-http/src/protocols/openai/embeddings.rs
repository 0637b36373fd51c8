//! `POST /openai/v1/embeddings`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mofang_data::RawExample;
use mofang_types::{Prediction, Task};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::texts::texts;
use super::{check_task, started};
use crate::auth::Caller;
use crate::call::read_json_call;
use crate::middleware::RequestContext;
use crate::{ApiError, AppState};

/// A request for embeddings.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OpenAiEmbeddingRequest)]
pub(crate) struct EmbeddingRequest {
    /// The model: `minilm`, `minilm@production`, `minilm:3`.
    #[schema(example = "minilm")]
    model: String,
    /// A text or a list of texts; ids of tokens are not read.
    #[schema(value_type = Object, example = "a text")]
    input: Value,
    /// `float`, or `base64` for the bytes of little-endian `f32`; `float` when absent.
    #[serde(default)]
    encoding_format: Option<EncodingFormat>,
    /// Not implemented; absent.
    #[serde(default)]
    dimensions: Option<usize>,
    /// Not read.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "clients may say for whom they ask, and nobody here asks it"
    )]
    user: Option<String>,
}

/// How the numbers of an embedding are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = OpenAiEncodingFormat)]
pub(crate) enum EncodingFormat {
    Float,
    Base64,
}

/// The embeddings of some texts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiEmbeddings)]
pub(crate) struct Embeddings {
    /// Always `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// One for each text, in order.
    data: Vec<Embedding>,
    /// The model as it was asked for.
    #[schema(example = "minilm")]
    model: String,
    /// How many tokens were read.
    usage: EmbeddingUsage,
}

/// The embedding of a text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiEmbedding)]
pub(crate) struct Embedding {
    /// Always `embedding`.
    #[schema(example = "embedding")]
    object: &'static str,
    /// The place of its text.
    index: usize,
    /// The numbers, or their bytes in base64.
    #[schema(value_type = Vec<f32>)]
    embedding: Numbers,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Numbers {
    Plain(Vec<f32>),
    Encoded(String),
}

/// How many tokens were read.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
#[schema(as = OpenAiEmbeddingUsage)]
pub(crate) struct EmbeddingUsage {
    /// Of all texts, as far as they were read.
    prompt_tokens: usize,
    /// The same.
    total_tokens: usize,
}

/// Gives the embeddings of texts, as OpenAI's interface does. One bad text fails the request.
#[utoipa::path(
    post, path = "/openai/v1/embeddings", tag = "openai protocol",
    params(("X-Request-Timeout-Ms" = Option<u64>, Header, description = "how long the answer may take, from the arrival of the request; waiting counts")),
    request_body = EmbeddingRequest,
    responses((status = 200, description = "an embedding for each text", body = Embeddings)),
)]
pub(crate) async fn embeddings(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Embeddings>, ApiError> {
    let request: EmbeddingRequest = read_json_call(&state, &headers, body).await?;
    let call = started(&state, &caller, &context, &headers, &request.model)?;
    if request.dimensions.is_some() {
        let refused = "dimensions is not implemented: an embedding has as many as its model gives";
        return Err(ApiError::invalid(refused).about("dimensions"));
    }
    let texts = texts(request.input, "input")?;
    let count = texts.len();
    if count == 0 || count > call.inputs_max() {
        return Err(ApiError::invalid(format!(
            "the request has {count} texts, 1 to {} are accepted",
            call.inputs_max()
        ))
        .about("input"));
    }
    check_task(&call, &request.model, Task::Embedding, "gives embeddings").await?;
    let format = request.encoding_format.unwrap_or(EncodingFormat::Float);
    let examples = texts
        .into_iter()
        .map(|text| Ok(RawExample::Text(text)))
        .collect();
    let mut usage = EmbeddingUsage::default();
    let mut data = Vec::with_capacity(count);
    let about_input = |error: ApiError| error.about_the_input("input");
    let results = call.predict(examples, None).await.map_err(about_input)?;
    for (index, result) in results.into_iter().enumerate() {
        let outcome = result.map_err(|mut error| {
            error.detail = format!("text {index}: {}", error.detail);
            about_input(error)
        })?;
        let Prediction::Embedding(values) = outcome.prediction else {
            return Err(ApiError::internal("an embedding model gave no embedding"));
        };
        usage.prompt_tokens += outcome.tokens.unwrap_or_default();
        data.push(Embedding {
            object: "embedding",
            index,
            embedding: Numbers::new(values, format),
        });
    }
    usage.total_tokens = usage.prompt_tokens;
    Ok(Json(Embeddings {
        object: "list",
        data,
        model: request.model,
        usage,
    }))
}

impl Numbers {
    fn new(values: Vec<f32>, format: EncodingFormat) -> Self {
        match format {
            EncodingFormat::Float => Self::Plain(values),
            EncodingFormat::Base64 => {
                let bytes: Vec<u8> = values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect();
                Self::Encoded(STANDARD.encode(bytes))
            }
        }
    }
}
