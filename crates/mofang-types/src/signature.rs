//! What goes into a model and what comes out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ModelInput, Task};

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// IEEE 754 binary32.
    F32,
    /// Whole numbers, such as ids of tokens. Clients send them as 64-bit integers; within the house
    /// they are carried as `f32`, which is exact up to 2^24.
    I64,
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::I64 => "i64",
        })
    }
}

/// One dimension of a shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dimension {
    /// Exactly this size.
    Fixed(usize),
    /// Any size; the text names it, e.g. `"batch"`.
    Named(String),
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// The name, element type and shape of one input or output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// The name, e.g. `image` or `logits`.
    pub name: String,
    /// The element type.
    pub dtype: DType,
    /// The shape, batch first.
    pub shape: Vec<Dimension>,
}

/// A tensor whose shape is not the one that the signature asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" has shape {actual:?}, expected {expected}")]
pub struct ShapeMismatch {
    name: String,
    actual: Vec<usize>,
    expected: String,
}

impl crate::Coded for ShapeMismatch {
    fn code(&self) -> crate::ErrorCode {
        crate::ErrorCode::InvalidInput
    }
}

impl TensorSpec {
    /// Checks `shape`, batch first, against this specification.
    ///
    /// # Errors
    /// When the number of dimensions or a fixed size differs.
    pub fn check(&self, shape: &[usize]) -> Result<(), ShapeMismatch> {
        let fits = shape.len() == self.shape.len()
            && shape
                .iter()
                .zip(&self.shape)
                .all(|(size, dimension)| match dimension {
                    Dimension::Fixed(expected) => size == expected,
                    Dimension::Named(_) => true,
                });
        if fits {
            Ok(())
        } else {
            let expected: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
            Err(ShapeMismatch {
                name: self.name.clone(),
                actual: shape.to_vec(),
                expected: format!("[{}]", expected.join(", ")),
            })
        }
    }

    /// The sizes of one example, without the batch dimension; `None` when one of them is open.
    pub fn example_shape(&self) -> Option<Vec<usize>> {
        self.shape
            .iter()
            .skip(1)
            .map(|dimension| match dimension {
                Dimension::Fixed(size) => Some(*size),
                Dimension::Named(_) => None,
            })
            .collect()
    }
}

/// Names, element types and shapes of a version's inputs and outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSignature {
    /// The inputs, in order.
    pub inputs: Vec<TensorSpec>,
    /// The outputs, in order.
    pub outputs: Vec<TensorSpec>,
}

impl ModelSignature {
    /// The signature of an image classifier: `image [batch, channels, height, width]` to
    /// `logits [batch, classes]`.
    pub fn image_classifier(image: [usize; 3], classes: usize) -> Self {
        Self::of(
            &ModelInput::image(image),
            Task::ImageClassification,
            classes,
        )
    }

    /// The signature of a model that takes `input` and gives `outputs` numbers for each example:
    /// `logits` for a classifier or of the next token, and of the
    /// symbols at each step of a recording `[batch, step, outputs]`; `embedding`, or `values`.
    pub fn of(input: &ModelInput, task: Task, outputs: usize) -> Self {
        let name = match task {
            Task::Embedding => "embedding",
            Task::TabularRegression | Task::Tensor => "values",
            Task::AudioClassification
            | Task::ImageClassification
            | Task::SpeechRecognition
            | Task::TabularClassification
            | Task::TextClassification
            | Task::TextGeneration => "logits",
        };
        let named = |name: &str| Dimension::Named(name.to_owned());
        let batch = named("batch");
        Self {
            inputs: vec![input.tensor_spec()],
            outputs: vec![TensorSpec {
                name: name.to_owned(),
                dtype: DType::F32,
                shape: if task == Task::SpeechRecognition {
                    vec![batch, named("step"), Dimension::Fixed(outputs)]
                } else {
                    vec![batch, Dimension::Fixed(outputs)]
                },
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_checked_against_its_specification() {
        let signature = ModelSignature::image_classifier([1, 8, 8], 10);
        let input = &signature.inputs[0];
        assert!(input.check(&[5, 1, 8, 8]).is_ok());
        let error = input.check(&[5, 3, 8, 8]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"image\" has shape [5, 3, 8, 8], expected [batch, 1, 8, 8]"
        );
        assert!(input.check(&[1, 8, 8]).is_err());
        assert_eq!(input.example_shape(), Some(vec![1, 8, 8]));
    }
}
