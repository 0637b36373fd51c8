//! Where the batches of a run come from.

use std::sync::Arc;

use mofang_data::{
    Batch, CompiledPipeline, DataError, DataLoader, Dataset, LoaderSettings, SplitName,
    WindowLoader, WindowSettings,
};
use mofang_types::Tensor;

use crate::Recipe;
use crate::evaluation::{self, EvaluateError, InferFailure};
use crate::metrics::Outcomes;

/// Batches of an epoch, in order.
pub(super) type Batches = Box<dyn Iterator<Item = Result<Batch, DataError>>>;

/// Where the batches of a split come from.
pub(super) enum Feed {
    /// Examples with their targets.
    Examples(DataLoader),
    /// Windows of texts, for a language model.
    Windows(WindowLoader),
}

impl Feed {
    /// The feed of the split to learn from.
    pub(super) fn train(
        recipe: &Recipe,
        dataset: &Dataset,
        pipeline: &Arc<CompiledPipeline>,
    ) -> Result<Self, DataError> {
        let split = dataset.split(SplitName::Train)?;
        let train = &recipe.train;
        if pipeline.generation().is_some() {
            let settings = WindowSettings {
                batch_size: train.batch_size,
                seed: Some(train.seed),
                drop_last: train.drop_last,
            };
            return WindowLoader::new(split, pipeline, settings).map(Self::Windows);
        }
        let settings = LoaderSettings {
            batch_size: train.batch_size,
            shuffle: true,
            seed: train.seed,
            augmentations: recipe.augmentations.clone(),
            threads: train.loader_threads,
            drop_last: train.drop_last,
            group_by_length: train.group_by_length,
            ..LoaderSettings::default()
        };
        DataLoader::new(Arc::clone(split), Arc::clone(pipeline), settings).map(Self::Examples)
    }

    /// The feed of the split that the run is watched by; none without one.
    pub(super) fn validation(
        recipe: &Recipe,
        dataset: &Dataset,
        pipeline: &Arc<CompiledPipeline>,
    ) -> Result<Option<Self>, DataError> {
        let Some(split) = dataset.splits.get(&SplitName::Validation) else {
            return Ok(None);
        };
        let batch_size = recipe.evaluate.batch_size;
        if pipeline.generation().is_some() {
            let settings = WindowSettings {
                batch_size,
                seed: None,
                drop_last: false,
            };
            let loader = WindowLoader::new(split, pipeline, settings)?;
            return Ok(Some(Self::Windows(loader)));
        }
        let settings = LoaderSettings {
            batch_size,
            threads: recipe.train.loader_threads,
            ..LoaderSettings::default()
        };
        let loader = DataLoader::new(Arc::clone(split), Arc::clone(pipeline), settings)?;
        Ok(Some(Self::Examples(loader)))
    }

    pub(super) fn batches_per_epoch(&self) -> usize {
        match self {
            Self::Examples(loader) => loader.batches_per_epoch(),
            Self::Windows(loader) => loader.batches_per_epoch(),
        }
    }

    pub(super) fn epoch(&self, epoch: u64, start_batch: usize) -> Batches {
        match self {
            Self::Examples(loader) => Box::new(loader.epoch(epoch, start_batch)),
            Self::Windows(loader) => Box::new(loader.epoch(epoch, start_batch)),
        }
    }

    /// What a model says of all of it, beside the truth.
    pub(super) fn judge(
        &self,
        pipeline: &CompiledPipeline,
        infer: &mut dyn FnMut(&Tensor) -> Result<Tensor, InferFailure>,
        classes: usize,
    ) -> Result<Outcomes, EvaluateError> {
        match self {
            Self::Examples(loader) => evaluation::collect(loader, pipeline, infer, classes),
            Self::Windows(loader) => evaluation::tokens_of(loader, infer),
        }
    }
}
