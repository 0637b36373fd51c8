//! The plain tensor that crosses ports: a shape and row-major values.

use serde::{Deserialize, Serialize};

/// A dense `f32` tensor in row-major order; images are `[channels, height, width]`, batches put
/// `batch` first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

/// A shape and a number of values that do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a tensor of shape {shape:?} does not have {length} values")]
pub struct TensorShapeError {
    shape: Vec<usize>,
    length: usize,
}

impl crate::Coded for TensorShapeError {
    fn code(&self) -> crate::ErrorCode {
        crate::ErrorCode::InvalidInput
    }
}

impl Tensor {
    /// A tensor of `shape` over `data`.
    ///
    /// # Errors
    /// When the product of `shape` is not the length of `data`.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Result<Self, TensorShapeError> {
        let elements = shape
            .iter()
            .try_fold(1_usize, |product, size| product.checked_mul(*size));
        if elements == Some(data.len()) {
            Ok(Self { shape, data })
        } else {
            Err(TensorShapeError {
                shape,
                length: data.len(),
            })
        }
    }

    /// The sizes of the dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values, without copying them.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// Puts tensors of one shape into a batch: `[d…] × n → [n, d…]`.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn stack<'a>(
        items: impl ExactSizeIterator<Item = &'a Self> + Clone,
    ) -> Result<Self, TensorShapeError> {
        let count = items.len();
        let inner = items
            .clone()
            .next()
            .map(|item| item.shape.clone())
            .unwrap_or_default();
        let mut data = Vec::with_capacity(items.clone().map(|item| item.data.len()).sum());
        for item in items {
            if item.shape != inner {
                return Err(TensorShapeError {
                    shape: inner,
                    length: item.data.len(),
                });
            }
            data.extend_from_slice(&item.data);
        }
        let mut shape = vec![count];
        shape.extend(inner);
        Self::new(shape, data)
    }

    /// As [`Tensor::stack`], with the items filled up along their first dimension by `padding` to the
    /// length of the longest: `[lᵢ, d…] × n → [n, max l, d…]`.
    ///
    /// # Errors
    /// When an item has no dimension, or the others of two items differ.
    pub fn stack_padded<'a>(
        items: impl ExactSizeIterator<Item = &'a Self> + Clone,
        padding: f32,
    ) -> Result<Self, TensorShapeError> {
        let length = |item: &Self| item.shape.first().copied().unwrap_or(0);
        let count = items.len();
        let longest = items.clone().map(length).max().unwrap_or(0);
        let inner = items
            .clone()
            .next()
            .and_then(|item| item.shape.get(1..))
            .unwrap_or_default()
            .to_vec();
        let size: usize = inner.iter().product();
        let mut data = Vec::with_capacity(count * longest * size);
        for item in items {
            if item.shape.get(1..) != Some(&inner) {
                return Err(TensorShapeError {
                    shape: inner,
                    length: item.data.len(),
                });
            }
            data.extend_from_slice(&item.data);
            data.resize(data.len() + (longest - length(item)) * size, padding);
        }
        let mut shape = vec![count, longest];
        shape.extend(inner);
        Self::new(shape, data)
    }

    /// Takes a batch apart: `[n, d…] → [d…] × n`; a scalar is its own only item.
    pub fn unstack(&self) -> Vec<Self> {
        let Some((count, inner)) = self.shape.split_first() else {
            return vec![self.clone()];
        };
        let size: usize = inner.iter().product();
        (0..*count)
            .map(|index| Self {
                shape: inner.to_vec(),
                data: self
                    .data
                    .get(index * size..(index + 1) * size)
                    .unwrap_or_default()
                    .to_vec(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_and_unstack_are_inverse() {
        let items: Vec<Tensor> = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
            .map(|pair| Tensor::new(vec![1, 2], pair.to_vec()).unwrap())
            .to_vec();
        let batch = Tensor::stack(items.iter()).unwrap();
        assert_eq!(batch.shape(), [3, 1, 2]);
        assert_eq!(batch.unstack(), items);
    }

    #[test]
    fn shorter_items_are_filled_up() {
        let item = |values: &[f32]| Tensor::new(vec![values.len()], values.to_vec()).unwrap();
        let batch = Tensor::stack_padded(
            [&item(&[1.0]), &item(&[2.0, 3.0]), &item(&[])].into_iter(),
            9.0,
        )
        .unwrap();
        assert_eq!(batch.shape(), [3, 2]);
        assert_eq!(batch.data(), [1.0, 9.0, 2.0, 3.0, 9.0, 9.0]);
        let flat = Tensor::new(vec![1, 2], vec![0.0; 2]).unwrap();
        assert!(Tensor::stack_padded([&item(&[1.0]), &flat].into_iter(), 0.0).is_err());
        assert!(Tensor::stack_padded([&Tensor::default()].into_iter(), 0.0).is_err());
    }

    #[test]
    fn a_wrong_length_is_refused() {
        assert!(Tensor::new(vec![2, 2], vec![0.0; 3]).is_err());
        assert!(Tensor::new(vec![usize::MAX, 2], vec![]).is_err());
        let a = Tensor::new(vec![2], vec![0.0; 2]).unwrap();
        let b = Tensor::new(vec![1], vec![0.0; 1]).unwrap();
        assert!(Tensor::stack([&a, &b].into_iter()).is_err());
    }
}
