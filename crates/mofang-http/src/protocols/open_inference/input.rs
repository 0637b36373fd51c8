//! From the tensors of a request to the examples that go into the batching queue.

use bytes::Bytes;
use mofang_types::{Tensor, TensorSpec};

use super::datatype::{Datatype, NO_TEXTS, inexact};
use crate::ApiError;

/// A tensor as a request carries it, before anything of it is believed.
#[derive(Debug)]
pub(super) struct InputTensor {
    pub(super) name: String,
    pub(super) datatype: Datatype,
    pub(super) shape: Vec<i64>,
    pub(super) values: Values,
}

/// The elements of a tensor, in row-major order.
#[derive(Debug)]
pub(super) enum Values {
    /// Little-endian, as the datatype says.
    Raw(Bytes),
    /// Read already, and held to the datatype.
    Read(Vec<f32>),
}

/// The examples of a request for a model with the one input `spec`: each without a batch dimension,
/// so that those of several requests are computed together.
///
/// Lengths are compared with what arrived before anything is allocated by them.
///
/// # Errors
/// When the tensors are not that input; the message names the tensor and what is expected.
pub(super) fn examples(
    inputs: Vec<InputTensor>,
    spec: &TensorSpec,
    inputs_max: usize,
) -> Result<Vec<Tensor>, ApiError> {
    let input = only_input(inputs, &spec.name)?;
    let refused = |reason: String| ApiError::invalid(format!("input \"{}\": {reason}", input.name));
    let shape = sizes(&input.shape).map_err(refused)?;
    spec.check(&shape)?;
    let (count, example_shape) = shape
        .split_first()
        .map(|(count, rest)| (*count, rest.to_vec()))
        .ok_or_else(|| refused("the shape has no batch dimension".to_owned()))?;
    if count > inputs_max {
        return Err(refused(format!(
            "the batch has {count} examples, at most {inputs_max} are accepted; send several requests"
        )));
    }
    let elements = shape
        .iter()
        .try_fold(1_usize, |product, size| product.checked_mul(*size))
        .ok_or_else(|| {
            refused(format!(
                "the shape {shape:?} has more elements than can be counted"
            ))
        })?;
    if elements == 0 {
        return Err(refused(format!("the shape {shape:?} has no elements")));
    }
    let width = elements / count;
    let rows = match input.values {
        Values::Read(values) => {
            if values.len() != elements {
                return Err(ApiError::invalid(format!(
                    "input \"{}\": the shape {shape:?} has {elements} elements, the data have {}",
                    input.name,
                    values.len()
                )));
            }
            if count == 1 {
                vec![values]
            } else {
                values.chunks_exact(width).map(<[f32]>::to_vec).collect()
            }
        }
        Values::Raw(bytes) => raw_rows(&bytes, input.datatype, elements, width)
            .map_err(|reason| ApiError::invalid(format!("input \"{}\": {reason}", input.name)))?,
    };
    rows.into_iter()
        .map(|row| Ok(Tensor::new(example_shape.clone(), row)?))
        .collect()
}

/// How many bytes a tensor of this shape has; the reason why not, when it cannot be said.
pub(super) fn size_bytes(shape: &[i64], datatype: Datatype) -> Result<usize, String> {
    let element = datatype.size_bytes().ok_or(NO_TEXTS)?;
    sizes(shape)?
        .iter()
        .try_fold(element, |product, size| product.checked_mul(*size))
        .ok_or_else(|| format!("the shape {shape:?} has more elements than can be counted"))
}

fn sizes(shape: &[i64]) -> Result<Vec<usize>, String> {
    shape
        .iter()
        .map(|size| usize::try_from(*size))
        .collect::<Result<_, _>>()
        .map_err(|_| format!("the shape {shape:?} has a negative size; a request names every size"))
}

fn only_input(inputs: Vec<InputTensor>, name: &str) -> Result<InputTensor, ApiError> {
    let mut found = None;
    for input in inputs {
        if input.name != name {
            let unknown: String = input.name.chars().take(80).collect();
            return Err(ApiError::invalid(format!(
                "unexpected input \"{unknown}\"; the model has the input \"{name}\""
            )));
        }
        if found.replace(input).is_some() {
            return Err(ApiError::invalid(format!(
                "input \"{name}\" is there twice"
            )));
        }
    }
    found.ok_or_else(|| ApiError::invalid(format!("input \"{name}\" is missing")))
}

/// Each example is read once, straight into the values that go to the model.
fn raw_rows(
    bytes: &[u8],
    datatype: Datatype,
    elements: usize,
    width: usize,
) -> Result<Vec<Vec<f32>>, String> {
    let element = datatype.size_bytes().ok_or(NO_TEXTS)?;
    let expected = elements.checked_mul(element);
    if expected != Some(bytes.len()) {
        return Err(format!(
            "the shape has {elements} elements of {datatype}, which do not fill the {} bytes of its data",
            bytes.len()
        ));
    }
    bytes
        .chunks_exact(width * element)
        .enumerate()
        .map(|(row, chunk)| {
            datatype.read(chunk).map_err(|index| {
                let index = row * width + index;
                if datatype == Datatype::Bool {
                    format!("element {index} of BOOL is neither 0 nor 1")
                } else {
                    inexact(index)
                }
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use mofang_types::ModelSignature;

    use super::*;

    fn spec() -> TensorSpec {
        ModelSignature::image_classifier([1, 2, 2], 2)
            .inputs
            .remove(0)
    }

    fn input(shape: &[i64], bytes: usize) -> InputTensor {
        InputTensor {
            name: "image".to_owned(),
            datatype: Datatype::Fp32,
            shape: shape.to_vec(),
            values: Values::Raw(Bytes::from(vec![0; bytes])),
        }
    }

    fn refusal(inputs: Vec<InputTensor>) -> String {
        examples(inputs, &spec(), 4).unwrap_err().detail
    }

    #[test]
    fn a_batch_becomes_examples() {
        let tensors = examples(vec![input(&[3, 1, 2, 2], 48)], &spec(), 4).unwrap();
        assert_eq!(tensors.len(), 3);
        assert_eq!(tensors[0].shape(), [1, 2, 2]);
        let read = InputTensor {
            values: Values::Read((0_u8..8).map(f32::from).collect()),
            ..input(&[2, 1, 2, 2], 0)
        };
        let tensors = examples(vec![read], &spec(), 4).unwrap();
        assert_eq!(tensors[1].data(), [4.0, 5.0, 6.0, 7.0]);
    }

    #[test]
    fn hostile_shapes_are_refused_before_anything_is_allocated() {
        for (shape, bytes, said) in [
            (vec![-1, 1, 2, 2], 16, "negative"),
            (vec![0, 1, 2, 2], 0, "no elements"),
            (vec![5, 1, 2, 2], 80, "at most 4"),
            (vec![i64::MAX, 1, 2, 2], 16, "at most 4"),
            (vec![1, 1, 2], 8, "[batch, 1, 2, 2]"),
            (vec![1, 1, 2, 2], 15, "15 bytes"),
            (vec![1, 1, 2, 2], 20, "20 bytes"),
            (vec![], 4, "expected"),
        ] {
            let text = refusal(vec![input(&shape, bytes)]);
            assert!(text.contains(said), "{shape:?}: {text}");
        }
        let huge = [i64::MAX, i64::MAX, 2, 2];
        assert!(size_bytes(&huge, Datatype::Fp32).is_err());
        assert!(size_bytes(&[i64::MAX], Datatype::Fp32).is_err());
        assert!(size_bytes(&[1], Datatype::Bytes).is_err());
    }

    #[test]
    fn exactly_the_models_input_is_taken() {
        assert!(refusal(Vec::new()).contains("\"image\" is missing"));
        let twice = vec![input(&[1, 1, 2, 2], 16), input(&[1, 1, 2, 2], 16)];
        assert!(refusal(twice).contains("twice"));
        let other = InputTensor {
            name: "picture".to_owned(),
            ..input(&[1, 1, 2, 2], 16)
        };
        assert!(refusal(vec![other]).contains("has the input \"image\""));
    }
}
