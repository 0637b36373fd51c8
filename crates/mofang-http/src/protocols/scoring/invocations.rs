//! `POST /invocations`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use mofang_data::{Domain, RawExample, RowFormat, read_rows};
use mofang_serving::PredictOutcome;
use mofang_types::{ModelReference, Prediction, TensorSpec};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::cell::Taken;
use super::request::{Asked, Scoring};
use super::texts::TextScoring;
use crate::auth::Caller;
use crate::call::ModelCall;
use crate::extract::{ApiQuery, is_file, media_type, parse_json};
use crate::middleware::RequestContext;
use crate::protocols::reference;
use crate::{ApiError, AppState, deadline};

/// The headers that name the model, ours before SageMaker's.
const MODEL_HEADERS: [&str; 2] = ["x-mofang-model", "x-amzn-sagemaker-target-model"];

/// What may be asked for in the query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct InvocationsQuery {
    /// The model with a selector: `digits`, `digits@production`; else the header `X-Mofang-Model` or
    /// `X-Amzn-SageMaker-Target-Model`, else the setting `http.invocations_model`.
    model: Option<String>,
}

/// The predictions, in the order of the examples.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScoringResponse)]
pub(crate) struct Predictions {
    /// The label of each example, or, with `top_k`, its classes; the number of a regression; the
    /// vector of an embedding.
    #[schema(value_type = Vec<Object>)]
    predictions: Vec<Scored>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Scored {
    Label(String),
    Classes(Vec<ScoredClass>),
    Embedding(Vec<f32>),
    Number(f64),
}

/// A class with its probability.
#[derive(Debug, Serialize)]
struct ScoredClass {
    label: String,
    index: usize,
    probability: f32,
}

/// Predicts as MLflow's scoring server does, and as SageMaker asks its containers.
///
/// All examples have a prediction, or none: the first bad one fails the request, named by its row.
#[utoipa::path(
    post, path = "/invocations", tag = "scoring protocol",
    params(
        InvocationsQuery,
        ("X-Mofang-Model" = Option<String>, Header, description = "the model, when the query does not name one"),
        ("X-Amzn-SageMaker-Target-Model" = Option<String>, Header, description = "the same"),
        ("X-Request-Timeout-Ms" = Option<u64>, Header, description = "how long the answer may take, from the arrival of the request; waiting counts"),
    ),
    request_body(
        description = "one of MLflow's forms as JSON, rows as CSV with a line of names, a text, an image, or a recording",
        content((Scoring = "application/json"), (String = "text/csv"), (String = "text/plain"), (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/bmp"), (Vec<u8> = "application/x-image"), (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/flac"), (Vec<u8> = "audio/mpeg")),
    ),
    responses((status = 200, description = "a prediction for each example", body = Predictions)),
)]
pub(crate) async fn invocations(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    Extension(context): Extension<RequestContext>,
    ApiQuery(query): ApiQuery<InvocationsQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Predictions>, ApiError> {
    let reference = model(&state, &query, &headers)?;
    let limit = deadline::from_headers(&headers)?;
    let call = ModelCall::begin(&state, &caller, &context, &reference, limit)?;
    let body = call.read_body(&headers, body).await?;
    let asked = match media_type(&headers).as_deref() {
        Some("application/json") => {
            let predictor = call.predictor().await?;
            let input = predictor.manifest().signature.inputs.first();
            let name = input.map_or("", |input| input.name.as_str());
            let shape = input.and_then(TensorSpec::example_shape);
            let taken = Taken {
                name,
                example_shape: shape.as_deref(),
                domain: predictor.pipeline().domain(),
            };
            // Lists of numbers are read in one pass, which a list of texts is not.
            let texts = if taken.domain == Domain::Text {
                TextScoring::read(&body)?
            } else {
                None
            };
            match texts {
                Some(texts) => texts.into_asked(name)?,
                None => parse_json::<Scoring>(&body)?.into_asked(taken)?,
            }
        }
        Some("text/csv") => Asked {
            examples: read_rows(RowFormat::Csv, &body, call.inputs_max())?
                .into_iter()
                .map(|row| Ok(RawExample::Row(row?)))
                .collect::<Result<_, ApiError>>()?,
            top_k: None,
        },
        Some(media_type) if media_type == "application/x-image" || is_file(media_type) => Asked {
            examples: vec![RawExample::Encoded(body.into())],
            top_k: None,
        },
        _ => {
            return Err(ApiError::new(
                mofang_types::ErrorCode::UnsupportedMediaType,
                "the body has to be application/json, text/csv, text/plain, image/png, image/jpeg, image/bmp, \
                 application/x-image, audio/wav, audio/flac or audio/mpeg",
            ));
        }
    };
    let count = asked.examples.len();
    if count == 0 || count > call.inputs_max() {
        return Err(ApiError::invalid(format!(
            "the body has {count} examples, 1 to {} are accepted",
            call.inputs_max()
        )));
    }
    let examples = asked.examples.into_iter().map(Ok).collect();
    let results = call.predict(examples, asked.top_k).await?;
    let predictions = results
        .into_iter()
        .enumerate()
        .map(|(row, result)| {
            result
                .map(|outcome| scored(outcome, asked.top_k.is_some()))
                .map_err(|mut error| {
                    error.detail = format!("row {row}: {}", error.detail);
                    error
                })
        })
        .collect::<Result<_, _>>()?;
    Ok(Json(Predictions { predictions }))
}

fn model(
    state: &AppState,
    query: &InvocationsQuery,
    headers: &HeaderMap,
) -> Result<ModelReference, ApiError> {
    let header = || MODEL_HEADERS.iter().find_map(|name| headers.get(*name));
    if let Some(name) = &query.model {
        return reference(name, None);
    }
    if let Some(value) = header() {
        let name = value
            .to_str()
            .map_err(|_| ApiError::invalid("the header with the model is no text"))?;
        return reference(name, None);
    }
    state.settings.invocations_model.clone().ok_or_else(|| {
        ApiError::invalid(
            "no model is named; send ?model=, the header X-Mofang-Model, or set http.invocations_model",
        )
    })
}

fn scored(outcome: PredictOutcome, with_classes: bool) -> Scored {
    let classes = match outcome.prediction {
        Prediction::Classes(classes) => classes,
        Prediction::Embedding(values) | Prediction::Values(values) => {
            return Scored::Embedding(values);
        }
        // A text, as a label is one.
        Prediction::Generation(generated) => return Scored::Label(generated.text),
        Prediction::Transcript(transcript) => return Scored::Label(transcript.text),
        Prediction::Numbers(numbers) => {
            let first = numbers.first();
            return Scored::Number(first.map_or(f64::NAN, |number| number.value));
        }
    };
    if with_classes {
        return Scored::Classes(
            classes
                .into_iter()
                .map(|class| ScoredClass {
                    label: class.label,
                    index: class.index,
                    probability: class.probability,
                })
                .collect(),
        );
    }
    let first = classes.into_iter().next();
    Scored::Label(first.map(|class| class.label).unwrap_or_default())
}
