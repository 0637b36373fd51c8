//! Where the batches that a run learns from come from.

use std::sync::Arc;

use mofang_data::{
    Batch, CompiledPipeline, DataError, DataLoader, Dataset, LoaderSettings, SplitName,
    WindowLoader, WindowSettings,
};

use crate::Recipe;

/// Batches of an epoch, in order.
pub(super) type Batches = Box<dyn Iterator<Item = Result<Batch, DataError>>>;

/// Where the batches of the training split come from.
pub(super) enum Feed {
    /// Examples with their targets.
    Examples(DataLoader),
    /// Windows of texts, for a language model.
    Windows(WindowLoader),
}

impl Feed {
    /// The feed of a run.
    pub(super) fn new(
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
}
