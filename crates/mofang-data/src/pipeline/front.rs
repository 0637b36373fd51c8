//! What the transforms of one kind of input are together: the way from an example to a tensor.

use std::borrow::Cow;
use std::fmt;

use mofang_types::{ModelInput, Tensor};
use rand::Rng;

use super::text::TextFront;
use crate::{Augmentation, DataError, Pixels, RawExample};

/// What the first stage of a pipeline makes of an example. Nothing in it is random, so a training set
/// that fits in memory keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Staged<'a> {
    /// An image.
    Pixels(Cow<'a, Pixels>),
    /// Anything else.
    Values(Cow<'a, Tensor>),
}

impl Staged<'_> {
    /// The same, lent.
    pub(crate) fn borrow(&self) -> Staged<'_> {
        match self {
            Self::Pixels(pixels) => Staged::Pixels(Cow::Borrowed(pixels)),
            Self::Values(values) => Staged::Values(Cow::Borrowed(values)),
        }
    }

    /// The same, to keep.
    pub(crate) fn into_owned(self) -> Staged<'static> {
        match self {
            Self::Pixels(pixels) => Staged::Pixels(Cow::Owned(pixels.into_owned())),
            Self::Values(values) => Staged::Values(Cow::Owned(values.into_owned())),
        }
    }

    /// Its length: its first dimension; for an image, its rows.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Pixels(pixels) => pixels.height(),
            Self::Values(values) => values.shape().first().copied().unwrap_or(1),
        }
    }

    /// The bytes that keeping it takes; none for what is lent from its example.
    pub(crate) fn owned_bytes(&self) -> Option<usize> {
        match self {
            Self::Pixels(Cow::Owned(pixels)) => Some(pixels.data().len()),
            Self::Values(Cow::Owned(values)) => Some(size_of_val(values.data())),
            Self::Pixels(Cow::Borrowed(_)) | Self::Values(Cow::Borrowed(_)) => None,
        }
    }
}

/// Random changes of a training example, and where their randomness comes from.
pub(crate) type Augmenting<'a> = (&'a [Augmentation], &'a mut dyn Rng);

/// The transforms of one kind of input, checked and ready to run.
pub(crate) trait Front: fmt::Debug + Send + Sync {
    /// What every prepared example is to a model, where the transforms fix it.
    fn input(&self) -> Option<ModelInput>;

    /// The first stage.
    fn stage<'a>(&self, example: &'a RawExample) -> Result<Staged<'a>, DataError>;

    /// The first stage, with what whoever asks should know about the example put into `warnings`.
    fn stage_noting<'a>(
        &self,
        example: &'a RawExample,
        warnings: &mut Vec<String>,
    ) -> Result<Staged<'a>, DataError> {
        let _ = warnings;
        self.stage(example)
    }

    /// The second stage: augmentations and what comes after them. Appends the values to `values` and
    /// gives their shape. `scratch` is room that the caller keeps from one example to the next.
    fn finish(
        &self,
        staged: &Staged<'_>,
        augmenting: Option<Augmenting<'_>>,
        values: &mut Vec<f32>,
        scratch: &mut Vec<f32>,
    ) -> Result<Vec<usize>, DataError>;

    /// Checks the shape of a tensor that somebody else has prepared, and whatever of its values the
    /// model depends on; that they are finite is checked already.
    fn check(&self, tensor: &Tensor) -> Result<(), DataError>;

    /// Whether a number of a prepared example may be missing (NaN), which few models take.
    fn leaves_missing(&self) -> bool {
        false
    }

    /// How long every prepared recording is; none for anything else, and where it is left open.
    fn seconds(&self) -> Option<f64> {
        None
    }

    /// The transforms as those of texts, where they are.
    fn texts(&self) -> Option<&TextFront> {
        None
    }

    /// What the training data have shown that people should know.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The image that the first stage makes of an example, for pictures; none for what is no image.
    fn picture(&self, example: &RawExample) -> Result<Option<Pixels>, DataError> {
        match self.stage(example)? {
            Staged::Pixels(pixels) => Ok(Some(pixels.into_owned())),
            Staged::Values(_) => Ok(None),
        }
    }
}
