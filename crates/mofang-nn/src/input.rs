//! A batch on a device, in the form that a network takes.

use burn::tensor::{Device, Tensor};
use mofang_types::ModelInput;

use crate::{NnError, Tokens, tensor_to_burn};

/// A batch on a device.
#[derive(Debug, Clone)]
pub enum Input {
    /// Images `[batch, channels, height, width]`.
    Images(Tensor<4>),
    /// Rows of a table `[batch, numbers + categories]`.
    Rows(Tensor<2>),
    /// Ids of tokens `[batch, length]`.
    Tokens(Tokens),
}

impl From<Tensor<2>> for Input {
    fn from(rows: Tensor<2>) -> Self {
        Self::Rows(rows)
    }
}

impl From<Tensor<4>> for Input {
    fn from(images: Tensor<4>) -> Self {
        Self::Images(images)
    }
}

impl Input {
    /// A plain batch as `input` says it is, whose shape is checked already.
    pub(crate) fn new(
        input: &ModelInput,
        batch: mofang_types::Tensor,
        device: &Device,
    ) -> Result<Self, NnError> {
        match input {
            ModelInput::Image { .. } => Ok(Self::Images(tensor_to_burn(batch, device)?)),
            ModelInput::Row {
                numbers,
                categories,
            } => {
                let columns = numbers + categories.len();
                for row in batch.data().chunks_exact(columns.max(1)) {
                    let codes = row.get(*numbers..).unwrap_or_default();
                    for (code, count) in codes.iter().zip(categories) {
                        whole_below(*code, *count, "the code of a category")?;
                    }
                }
                Ok(Self::Rows(tensor_to_burn(batch, device)?))
            }
            ModelInput::Tokens {
                vocabulary_size,
                padding_id,
                ..
            } => {
                let [rows, length] = <[usize; 2]>::try_from(batch.shape()).map_err(|_| {
                    NnError::InvalidSpec("ids of tokens are [batch, length]".into())
                })?;
                let ids = batch
                    .data()
                    .iter()
                    .map(|id| whole_below(*id, *vocabulary_size, "the id of a token"))
                    .collect::<Result<Vec<i64>, _>>()?;
                Ok(Self::Tokens(Tokens::new(ids, [rows, length], *padding_id)))
            }
        }
    }

    /// How many examples.
    pub(crate) fn batch(&self) -> usize {
        match self {
            Self::Images(images) => images.dims()[0],
            Self::Rows(rows) => rows.dims()[0],
            Self::Tokens(tokens) => tokens.batch(),
        }
    }

    /// The rows of a table; see [`Self::into_images`] for anything else.
    pub(crate) fn into_rows(self) -> Tensor<2> {
        match self {
            Self::Images(images) => images.flatten(1, 3),
            Self::Rows(rows) => rows,
            Self::Tokens(tokens) => Tensor::zeros([tokens.batch(), 1], &Device::flex()),
        }
    }

    /// The images. Anything else is one without a value: [`crate::Network::input`] makes nothing but
    /// what the network takes, and an architecture is built for images only when it takes them.
    pub(crate) fn into_images(self) -> Tensor<4> {
        match self {
            Self::Images(images) => images,
            Self::Rows(rows) => rows.unsqueeze_dims(&[2, 3]),
            Self::Tokens(tokens) => Tensor::zeros([tokens.batch(), 1, 1, 1], &Device::flex()),
        }
    }

    /// The tokens; as for [`Input::into_images`], anything else is one without a value.
    pub(crate) fn into_tokens(self) -> Tokens {
        match self {
            Self::Tokens(tokens) => tokens,
            other @ (Self::Images(_) | Self::Rows(_)) => {
                let batch = other.batch();
                Tokens::new(vec![0; batch], [batch, 1], 0)
            }
        }
    }
}

/// The whole number that a value is, when it is one below `count`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "whole numbers below 2^24 are exact in f32"
)]
fn whole_below(value: f32, count: usize, what: &str) -> Result<i64, NnError> {
    if value >= 0.0 && value < count as f32 && value.fract() == 0.0 {
        Ok(value as i64)
    } else {
        Err(NnError::InputValue(format!(
            "{value} is not {what}: a whole number from 0 to {}",
            count.saturating_sub(1)
        )))
    }
}
