//! No transforms: the caller gives what the model takes.

use std::borrow::Cow;

use mofang_types::{ModelInput, Tensor};

use super::front::{Augmenting, Front, Staged};
use crate::{DataError, RawExample};

/// Takes ready tensors of any shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct TensorFront;

impl Front for TensorFront {
    fn input(&self) -> Option<ModelInput> {
        None
    }

    fn stage<'a>(&self, example: &'a RawExample) -> Result<Staged<'a>, DataError> {
        match example {
            RawExample::Tensor(tensor) => Ok(Staged::Values(Cow::Borrowed(tensor))),
            RawExample::Encoded(_)
            | RawExample::Pixels(_)
            | RawExample::Row(_)
            | RawExample::Text(_) => Err(DataError::WrongInput {
                expected: "a ready tensor",
                actual: example.kind(),
            }),
        }
    }

    fn finish(
        &self,
        staged: &Staged<'_>,
        augmenting: Option<Augmenting<'_>>,
        values: &mut Vec<f32>,
        _scratch: &mut Vec<f32>,
    ) -> Result<Vec<usize>, DataError> {
        if augmenting.is_some_and(|(augmentations, _)| !augmentations.is_empty()) {
            return Err(DataError::InvalidPipeline(
                "there are no augmentations of ready tensors".to_owned(),
            ));
        }
        match staged {
            Staged::Values(tensor) => {
                values.extend_from_slice(tensor.data());
                Ok(tensor.shape().to_vec())
            }
            Staged::Pixels(_) => Err(DataError::WrongInput {
                expected: "a ready tensor",
                actual: "an image",
            }),
        }
    }

    fn check(&self, _tensor: &Tensor) -> Result<(), DataError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Pipeline;

    #[test]
    fn tensors_go_in_and_numbers_come_out_as_they_are() {
        let pipeline = Pipeline::from_json(&json!({ "transforms": [], "decoders": [] })).unwrap();
        let pipeline = pipeline.compile(&[]).unwrap();
        let tensor = Tensor::new(vec![2, 1], vec![1.0, 2.0]).unwrap();
        let prepared = pipeline
            .prepare(&RawExample::Tensor(tensor.clone()))
            .unwrap();
        assert_eq!(prepared, tensor);
        let answer = pipeline.decode(&[3.0, 4.0], None).unwrap();
        assert_eq!(answer.summary(), "Output of 2 numbers: [3.0000, 4.0000]");
        let error = pipeline.prepare(&RawExample::Encoded(vec![0])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the model takes a ready tensor, not a file"
        );
    }
}
