//! An ONNX model as the house sees a model: one tensor of `f32` in and one out, the batch first.
//!
//! Import asks a model through this before it is published, and the runtime when it is served, so
//! that both see the same model.

use mofang_onnx::{Array, ElementType, ModelDescription, Value, ValueKind};
use mofang_types::Tensor;
use serde::{Deserialize, Serialize};

use crate::{HostError, PlacedModel, Placement};

/// How a package uses an ONNX model: the configuration of the architecture `onnx`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorModelConfig {
    /// The version of the standard operators.
    pub opset: i64,
    /// The input of the graph that takes the tensor.
    pub input: String,
    /// The output of the graph that is the answer.
    pub output: String,
    /// Whether the graph computes several examples at once; else they are computed one by one.
    pub batching: bool,
    /// Whether the graph takes `[batch, height, width, channels]`, of images that are
    /// `[channels, height, width]` here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub channels_last: bool,
}

/// An ONNX model of one input and one answer.
#[derive(Debug)]
pub struct TensorModel {
    model: PlacedModel,
    config: TensorModelConfig,
    element_type: ElementType,
    size_bytes: u64,
}

impl TensorModel {
    /// Loads a model.
    ///
    /// # Errors
    /// As [`Placement::load`], and when the configuration does not fit the model.
    pub fn load(
        placement: &Placement,
        bytes: &[u8],
        config: TensorModelConfig,
    ) -> Result<Self, HostError> {
        let model = placement.load(bytes)?;
        let description = model.description();
        let kinds: Vec<&ValueKind> = description.inputs.iter().map(|input| &input.kind).collect();
        let element_type = match (kinds.as_slice(), &description.inputs.first()) {
            ([ValueKind::Tensor { element_type, .. }], Some(input))
                if input.name == config.input =>
            {
                *element_type
            }
            _ => {
                return Err(HostError::Configuration(format!(
                    "the model does not have the one input \"{}\"",
                    config.input
                )));
            }
        };
        let mut outputs = description.outputs.iter();
        if !outputs.any(|output| output.name == config.output) {
            return Err(HostError::Configuration(format!(
                "the model does not have the output \"{}\"",
                config.output
            )));
        }
        Ok(Self {
            model,
            config,
            element_type,
            size_bytes: bytes.len() as u64,
        })
    }

    /// What the model says of itself.
    pub fn description(&self) -> &ModelDescription {
        self.model.description()
    }

    /// The size of its file, most of which are weights.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Computes a batch: `[batch, …]` to `[batch, …]`.
    ///
    /// # Errors
    /// When a value is not one of the input's type, the engine refuses the batch, or the answer is
    /// not one for each example.
    pub fn infer(&self, batch: &Tensor) -> Result<Tensor, HostError> {
        let count = batch.shape().first().copied().unwrap_or(1);
        if count == 0 {
            return Err(HostError::Input(
                "a batch has at least one example".to_owned(),
            ));
        }
        if self.config.batching || count == 1 {
            let answer = self.run(batch)?;
            return if self.config.batching {
                check_rows(answer, count)
            } else {
                with_batch(answer)
            };
        }
        let mut answers = Vec::with_capacity(count);
        for row in batch.unstack() {
            let mut shape = vec![1];
            shape.extend_from_slice(row.shape());
            let row = tensor(shape, row.into_data())?;
            answers.push(with_batch(self.run(&row)?)?);
        }
        concatenate(answers)
    }

    fn run(&self, batch: &Tensor) -> Result<Tensor, HostError> {
        let (shape, values) = if self.config.channels_last {
            channels_to_the_end(batch)?
        } else {
            (batch.shape().to_vec(), batch.data().to_vec())
        };
        let array = array_of(values, self.element_type)?;
        let input = Value::new(shape, array)?;
        let outputs = self.model.run(&[(&self.config.input, &input)], None)?;
        let answer = outputs
            .into_iter()
            .find(|(name, _)| *name == self.config.output)
            .ok_or_else(|| HostError::Configuration("the answer is missing".to_owned()))?;
        let (shape, array) = answer.1.into_parts();
        tensor(shape, floats_of(array))
    }
}

fn tensor(shape: Vec<usize>, data: Vec<f32>) -> Result<Tensor, HostError> {
    Tensor::new(shape, data).map_err(|error| HostError::Configuration(error.to_string()))
}

fn check_rows(answer: Tensor, count: usize) -> Result<Tensor, HostError> {
    if answer.shape().first() == Some(&count) {
        return Ok(answer);
    }
    Err(HostError::Configuration(format!(
        "the model answers {count} examples with a tensor of shape {:?}",
        answer.shape()
    )))
}

/// The answer for one example with a batch dimension, which graphs for one example may leave out.
fn with_batch(answer: Tensor) -> Result<Tensor, HostError> {
    if answer.shape().len() > 1 && answer.shape().first() == Some(&1) {
        return Ok(answer);
    }
    let mut shape = vec![1];
    shape.extend_from_slice(answer.shape());
    tensor(shape, answer.into_data())
}

fn concatenate(answers: Vec<Tensor>) -> Result<Tensor, HostError> {
    let mut shape = answers
        .first()
        .map(|answer| answer.shape().to_vec())
        .unwrap_or_default();
    if answers.iter().any(|answer| answer.shape() != shape) {
        return Err(HostError::Configuration(
            "the model answers examples of one shape with answers of several".to_owned(),
        ));
    }
    if let Some(count) = shape.first_mut() {
        *count = answers.len();
    }
    let data = answers.into_iter().flat_map(Tensor::into_data).collect();
    tensor(shape, data)
}

/// `[batch, channels, height, width]` to `[batch, height, width, channels]`.
fn channels_to_the_end(batch: &Tensor) -> Result<(Vec<usize>, Vec<f32>), HostError> {
    let &[count, channels, height, width] = batch.shape() else {
        return Err(HostError::Configuration(format!(
            "an image is [batch, channels, height, width], not {:?}",
            batch.shape()
        )));
    };
    let pixels = height * width;
    let mut values = Vec::with_capacity(batch.data().len());
    for image in batch.data().chunks_exact((channels * pixels).max(1)) {
        for pixel in 0..pixels {
            values.extend(image.iter().skip(pixel).step_by(pixels.max(1)));
        }
    }
    Ok((vec![count, height, width, channels], values))
}

/// Values as the type that the model takes; whole numbers have to be whole.
fn array_of(values: Vec<f32>, element_type: ElementType) -> Result<Array, HostError> {
    let whole = |low: f32, high: f32| match values
        .iter()
        .find(|value| value.fract() != 0.0 || !(low..=high).contains(*value))
    {
        None => Ok(()),
        Some(value) => Err(HostError::Input(format!(
            "the model takes whole numbers from {low} to {high}, and {value} is none"
        ))),
    };
    // Up to here f32 is exact.
    let limit = 16_777_216.0;
    let integers = || values.iter().copied().map(to_i32);
    if element_type == ElementType::Double {
        return Ok(Array::Double(values.into_iter().map(f64::from).collect()));
    }
    if element_type == ElementType::Int64 {
        whole(-limit, limit)?;
        return Ok(Array::Int64(integers().map(i64::from).collect()));
    }
    if element_type == ElementType::Int32 {
        whole(-limit, limit)?;
        return Ok(Array::Int32(integers().collect()));
    }
    if element_type == ElementType::Uint8 {
        whole(0.0, 255.0)?;
        let bytes = integers().map(|value| u8::try_from(value).unwrap_or(0));
        return Ok(Array::Uint8(bytes.collect()));
    }
    if element_type == ElementType::Int8 {
        whole(-128.0, 127.0)?;
        let bytes = integers().map(|value| i8::try_from(value).unwrap_or(0));
        return Ok(Array::Int8(bytes.collect()));
    }
    if element_type == ElementType::Bool {
        return Ok(Array::Bool(
            values.into_iter().map(|value| value != 0.0).collect(),
        ));
    }
    // What the engine does not take was refused when the model was loaded.
    Ok(Array::Float(values))
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^24")]
fn to_i32(value: f32) -> i32 {
    value as i32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "answers are f32 in the house"
)]
fn floats_of(array: Array) -> Vec<f32> {
    match array {
        Array::Float(values) => values,
        Array::Double(values) => values.into_iter().map(|value| value as f32).collect(),
        Array::Int64(values) => values.into_iter().map(|value| value as f32).collect(),
        Array::Int32(values) => values.into_iter().map(|value| value as f32).collect(),
        Array::Bool(values) => values
            .into_iter()
            .map(|value| u8::from(value).into())
            .collect(),
        Array::Uint8(values) => values.into_iter().map(f32::from).collect(),
        Array::Int8(values) => values.into_iter().map(f32::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_go_to_the_end() {
        let image = Tensor::new(vec![1, 2, 1, 3], vec![1., 2., 3., 4., 5., 6.]).unwrap();
        let (shape, values) = channels_to_the_end(&image).unwrap();
        assert_eq!(shape, [1, 1, 3, 2]);
        assert_eq!(values, [1., 4., 2., 5., 3., 6.]);
        assert!(channels_to_the_end(&Tensor::default()).is_err());
    }

    #[test]
    fn whole_numbers_are_whole() {
        assert_eq!(
            array_of(vec![1.0, -2.0], ElementType::Int64).unwrap(),
            Array::Int64(vec![1, -2])
        );
        for (values, element_type) in [
            (vec![0.5], ElementType::Int64),
            (vec![f32::NAN], ElementType::Int32),
            (vec![3e9], ElementType::Int64),
            (vec![256.0], ElementType::Uint8),
            (vec![-1.0], ElementType::Uint8),
        ] {
            let error = array_of(values, element_type).unwrap_err();
            assert!(error.to_string().contains("whole numbers"), "{error}");
        }
    }

    #[test]
    fn answers_for_one_example_become_rows() {
        let scalar = Tensor::new(vec![3], vec![1., 2., 3.]).unwrap();
        assert_eq!(with_batch(scalar).unwrap().shape(), [1, 3]);
        let row = Tensor::new(vec![1, 3], vec![1., 2., 3.]).unwrap();
        let both = concatenate(vec![with_batch(row.clone()).unwrap(), row]).unwrap();
        assert_eq!(both.shape(), [2, 3]);
        assert!(check_rows(both, 3).is_err());
    }
}
