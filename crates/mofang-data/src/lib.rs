//! Data: datasets and how they are read, cleaned and split; the pipeline of a model (transforms
//! before it, decoders after it), training-time augmentations, and the loader that feeds a trainer.
//!
//! The pipeline is defined once, here, and stored in the package of a model version: training,
//! evaluation and serving run the same code on the same list.
//!
//! # Adding a dataset
#![doc = include_str!("../../../docs/adding-a-dataset.md")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels and sizes of images are far below the limits of f32"
)]

pub mod augmentations;
mod catalogue;
mod cleaning;
mod dataset;
pub mod decoders;
mod domain;
mod error;
mod example;
mod loader;
mod pipeline;
mod pull;
pub mod readers;
mod recording;
mod row;
mod split;
mod split_reference;
mod store;
mod table;
pub mod text;
pub mod transforms;
mod windows;

pub use augmentations::Augmentation;
pub use catalogue::{Catalogue, CatalogueEntry, CatalogueFile, ImageSize, ReaderSpec, TextLength};
pub use cleaning::{CleaningReport, RemovalReason, Removed};
pub use dataset::{Dataset, Split, SplitName};
pub use decoders::{Ctc, Decoder, GenerationDefaults, StopRule};
pub use domain::Domain;
pub use error::DataError;
pub use example::{Example, Pixels, RawExample, Target};
pub use loader::{Batch, DataLoader, LoaderSettings};
pub use pipeline::{CompiledPipeline, FittedPipeline, Pipeline, PipelineFiles, TokenStream};
pub use pull::PullProgress;
pub use readers::{TableSpec, TargetKind};
pub use recording::recording_seconds;
pub use row::{Cell, Row};
pub use split::{Repetitions, SplitSettings};
pub use split_reference::SplitReference;
pub use store::{DatasetStatus, DatasetStore};
pub use table::{ColumnKind, ColumnSchema, RowFormat, TableSchema, read_rows};
pub use transforms::Transform;
pub use windows::{WindowLoader, WindowSettings};

/// What a step of a pipeline is called and what it does, for help and documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepInfo {
    /// The `type` of the step in a recipe.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
}
