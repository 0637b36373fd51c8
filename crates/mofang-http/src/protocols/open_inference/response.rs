//! The answer to an inference over REST.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{OutputTensor, OutputValues};
use super::framing::HEADER_LENGTH;
use crate::ApiError;

/// The JSON of an answer; outputs that come as raw bytes follow it in their order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceResponse)]
pub(crate) struct InferResponse<'a> {
    /// The model as it was asked for.
    #[schema(example = "digits")]
    model_name: &'a str,
    /// The number of the version that answered.
    #[schema(example = "1")]
    model_version: String,
    /// The id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// The outputs.
    outputs: Vec<InferResponseOutput<'a>>,
}

/// A tensor that comes out of the model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceOutput)]
pub(crate) struct InferResponseOutput<'a> {
    /// The name in the model's signature.
    #[schema(example = "logits")]
    name: &'a str,
    /// The type of the elements.
    #[schema(example = "FP32")]
    datatype: String,
    /// The sizes of the dimensions, batch first.
    #[schema(example = json!([1, 10]))]
    shape: &'a [usize],
    /// Says how many bytes behind the JSON are this output.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<InferResponseParameters>,
    /// The elements in row-major order; absent when they are behind the JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<f32>>)]
    data: Option<Data<'a>>,
}

/// Where the bytes of an output are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenInferenceOutputParameters)]
pub(crate) struct InferResponseParameters {
    /// How many bytes behind the JSON.
    binary_data_size: usize,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Floats(&'a [f32]),
    Texts(&'a [String]),
}

/// Writes an answer.
///
/// # Errors
/// When a value is not finite, which JSON has no number for.
pub(super) fn write(
    model_name: &str,
    version: u32,
    id: Option<&str>,
    outputs: &[OutputTensor],
) -> Result<Response<Body>, ApiError> {
    let mut tensors = Vec::new();
    let shown = outputs
        .iter()
        .map(|output| show(output, &mut tensors))
        .collect::<Result<_, _>>()?;
    let has_tensors = outputs.iter().any(|output| output.is_binary);
    let mut bytes = serde_json::to_vec(&InferResponse {
        model_name,
        model_version: version.to_string(),
        id,
        outputs: shown,
    })
    .map_err(ApiError::internal)?;
    let json_length = bytes.len();
    bytes.append(&mut tensors);
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    let media_type = if has_tensors {
        headers.insert(HEADER_LENGTH, HeaderValue::from(json_length));
        "application/octet-stream"
    } else {
        "application/json"
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(response)
}

fn show<'a>(
    output: &'a OutputTensor,
    tensors: &mut Vec<u8>,
) -> Result<InferResponseOutput<'a>, ApiError> {
    let mut shown = InferResponseOutput {
        name: &output.name,
        datatype: output.values.datatype().to_string(),
        shape: &output.shape,
        parameters: None,
        data: None,
    };
    if output.is_binary {
        let before = tensors.len();
        output.values.write(tensors);
        shown.parameters = Some(InferResponseParameters {
            binary_data_size: tensors.len() - before,
        });
    } else {
        shown.data = Some(match &output.values {
            OutputValues::Floats(values) if values.iter().all(|value| value.is_finite()) => {
                Data::Floats(values)
            }
            OutputValues::Floats(_) => {
                return Err(ApiError::invalid(format!(
                    "output \"{}\" has a value that is not finite, which JSON cannot hold; ask for binary_data",
                    output.name
                )));
            }
            OutputValues::Texts(texts) => Data::Texts(texts),
        });
    }
    Ok(shown)
}
