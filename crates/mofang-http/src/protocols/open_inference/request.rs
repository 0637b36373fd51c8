//! The body of an inference over REST.

use axum::http::HeaderMap;
use bytes::Bytes;
use mofang_types::TensorSpec;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answer::RequestedOutput;
use super::datatype::Datatype;
use super::framing::{Framed, split, take};
use super::input::{InputTensor, Values, size_bytes};
use super::parameters::{Parameters, flag, number, refuse_shared_memory};
use crate::ApiError;
use crate::extract::parse_json;
use crate::nested::Nested;

/// The JSON of an inference.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OpenInferenceRequest)]
pub(crate) struct InferRequest {
    /// Comes back with the answer.
    #[serde(default)]
    id: Option<String>,
    /// `binary_data_output`: whether outputs that are not named come as raw bytes; `timeout`: in
    /// microseconds. Others are ignored.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<Parameters>,
    /// The input tensors of the model.
    inputs: Vec<InferInput>,
    /// The outputs that are wanted; all when absent.
    #[serde(default)]
    outputs: Option<Vec<InferOutput>>,
}

/// A tensor that goes into the model.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OpenInferenceInput)]
pub(crate) struct InferInput {
    /// The name in the model's signature.
    #[schema(example = "image")]
    name: String,
    /// The sizes of the dimensions, batch first.
    #[schema(example = json!([1, 1, 8, 8]))]
    shape: Vec<i64>,
    /// The type of the elements; what is not FP32 is converted where nothing is lost.
    #[schema(example = "FP32")]
    datatype: String,
    /// `binary_data_size`: the tensor is not in `data` but in that many bytes behind the JSON.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<Parameters>,
    /// The elements in row-major order, flat or nested by dimension.
    #[serde(default)]
    #[schema(value_type = Option<Vec<f32>>)]
    data: Option<Nested>,
}

/// An output that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = OpenInferenceRequestedOutput)]
pub(crate) struct InferOutput {
    /// The name in the model's signature.
    #[schema(example = "logits")]
    name: String,
    /// `binary_data`: whether it comes as raw bytes; `classification`: how many of the greatest
    /// values are wanted as `value:index:label`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<Parameters>,
}

/// What a body asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: Option<String>,
    pub(super) parameters: Parameters,
    pub(super) inputs: Vec<InputTensor>,
    pub(super) outputs: Vec<RequestedOutput>,
    /// Whether outputs come as raw bytes when none is named.
    pub(super) default_is_binary: bool,
}

/// Reads a body. `spec` is what a raw body without JSON is taken for.
///
/// # Errors
/// When the JSON is none, or the bytes behind it are not those that it announces.
pub(super) fn read(headers: &HeaderMap, body: Bytes, spec: &TensorSpec) -> Result<Asked, ApiError> {
    match split(headers, body)? {
        Framed::Raw(tensor) => raw(tensor, spec),
        Framed::Json { json, tensors } => {
            let request: InferRequest = parse_json(&json)?;
            request.into_asked(tensors)
        }
    }
}

/// The whole body is the model's one input; what comes back is raw as well.
fn raw(tensor: Bytes, spec: &TensorSpec) -> Result<Asked, ApiError> {
    let datatype = Datatype::from(spec.dtype);
    let example_shape = spec.example_shape().ok_or_else(|| {
        ApiError::invalid(
            "the model takes inputs of varying shape; send the shape in JSON before the tensor",
        )
    })?;
    let example =
        example_shape.iter().product::<usize>().max(1) * datatype.size_bytes().unwrap_or(1);
    let count = tensor.len() / example;
    if count == 0 || !tensor.len().is_multiple_of(example) {
        return Err(ApiError::invalid(format!(
            "the body has {} bytes; an example of shape {example_shape:?} has {example} bytes of {datatype}",
            tensor.len()
        )));
    }
    let sizes = std::iter::once(count).chain(example_shape);
    Ok(Asked {
        id: None,
        parameters: Parameters::new(),
        inputs: vec![InputTensor {
            name: spec.name.clone(),
            datatype,
            shape: sizes
                .map(|size| i64::try_from(size).unwrap_or(i64::MAX))
                .collect(),
            values: Values::Raw(tensor),
        }],
        outputs: Vec::new(),
        default_is_binary: true,
    })
}

impl InferRequest {
    fn into_asked(self, mut tensors: Bytes) -> Result<Asked, ApiError> {
        let parameters = self.parameters.unwrap_or_default();
        let default_is_binary = flag(&parameters, "binary_data_output")?.unwrap_or(false);
        let inputs = self
            .inputs
            .into_iter()
            .map(|input| input.into_tensor(&mut tensors))
            .collect::<Result<Vec<_>, _>>()?;
        if !tensors.is_empty() {
            return Err(ApiError::invalid(format!(
                "{} bytes are left behind the last tensor; binary_data_size of the inputs and the body do not agree",
                tensors.len()
            )));
        }
        let outputs = self
            .outputs
            .unwrap_or_default()
            .into_iter()
            .map(|output| output.into_requested(default_is_binary))
            .collect::<Result<_, _>>()?;
        Ok(Asked {
            id: self.id,
            parameters,
            inputs,
            outputs,
            default_is_binary,
        })
    }
}

impl InferInput {
    fn into_tensor(self, tensors: &mut Bytes) -> Result<InputTensor, ApiError> {
        let parameters = self.parameters.unwrap_or_default();
        refuse_shared_memory(&parameters)?;
        let name: String = self.name.chars().take(80).collect();
        let refused = |reason: String| ApiError::invalid(format!("input \"{name}\": {reason}"));
        let datatype: Datatype = self.datatype.parse()?;
        let values = match (number(&parameters, "binary_data_size")?, self.data) {
            (Some(_), Some(_)) => {
                return Err(refused(
                    "it has data as well as binary_data_size; send one of them".to_owned(),
                ));
            }
            (None, None) => {
                return Err(refused("it has no data and no binary_data_size".to_owned()));
            }
            (Some(declared), None) => {
                let expected = size_bytes(&self.shape, datatype).map_err(refused)?;
                if u64::try_from(expected) != Ok(declared) {
                    return Err(refused(format!(
                        "binary_data_size is {declared}, and {expected} bytes belong to the shape {:?} of {datatype}",
                        self.shape
                    )));
                }
                Values::Raw(take(tensors, expected, &name)?)
            }
            (None, Some(nested)) => {
                datatype.check(&nested).map_err(refused)?;
                let is_flat = nested.shape.len() <= 1;
                let as_nested = nested.shape.iter().map(|size| i64::try_from(*size).ok());
                if !is_flat && !as_nested.eq(self.shape.iter().copied().map(Some)) {
                    return Err(refused(format!(
                        "the data are nested as {:?}, which is not the shape {:?}",
                        nested.shape, self.shape
                    )));
                }
                Values::Read(nested.values)
            }
        };
        Ok(InputTensor {
            name: self.name,
            datatype,
            shape: self.shape,
            values,
        })
    }
}

impl InferOutput {
    fn into_requested(self, default_is_binary: bool) -> Result<RequestedOutput, ApiError> {
        let parameters = self.parameters.unwrap_or_default();
        refuse_shared_memory(&parameters)?;
        let classes = number(&parameters, "classification")?;
        Ok(RequestedOutput {
            name: self.name,
            classes: classes.map(|classes| usize::try_from(classes).unwrap_or(usize::MAX)),
            is_binary: flag(&parameters, "binary_data")?.unwrap_or(default_is_binary),
        })
    }
}
