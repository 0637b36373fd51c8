//! What can go wrong with a run.

use std::path::PathBuf;

use mofang_data::DataError;
use mofang_nn::NnError;
use mofang_types::{ArtifactDigest, Coded, ErrorCode, Task};

use crate::checkpoint::CheckpointError;
use crate::files::FileError;
use crate::judging::EvaluateError;
use crate::recipe::RecipeError;

/// What can go wrong with a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The network has outputs for a recording, and not at each of its steps.
    #[error("the architecture \"{0}\" gives no outputs at each step of a recording; take crnn")]
    NoSteps(String),
    /// The network has outputs at each step of an example, and the task reads those of an example.
    #[error(
        "the architecture \"{architecture}\" gives outputs at each step of an example, which {task} has no use for; \
         only speech-recognition reads them"
    )]
    ManySteps {
        /// The architecture.
        architecture: String,
        /// The task.
        task: Task,
    },
    /// The recipe cannot be run.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The dataset or the pipeline is at fault.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network or its weights are at fault.
    #[error(transparent)]
    Network(#[from] NnError),
    /// The trees cannot be grown.
    #[error(transparent)]
    Trees(#[from] mofang_trees::TreesError),
    /// A checkpoint could not be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of the run could not be written or read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The model could not be judged.
    #[error("failed to evaluate: {0}")]
    Evaluate(#[from] EvaluateError),
    /// A number became NaN or infinite.
    #[error(
        "the run diverged at step {step}: {what} is not finite (NaN or infinity); {}; \
         a lower learning rate or clip_norm may help", where_to_go_on(*.last_checkpoint)
    )]
    Diverged {
        /// The step, counted from 1.
        step: u64,
        /// Which number.
        what: &'static str,
        /// The step of the newest checkpoint.
        last_checkpoint: Option<u64>,
    },
    /// The loss of a run of trees, which has neither checkpoints nor a gradient to clip, became NaN or infinite.
    #[error(
        "the loss of the trees is not finite (NaN or infinity) at step {step}: numbers of the target are too large; \
         put `destandardize` first among the decoders, or leave such rows out"
    )]
    TreesDiverged {
        /// The step, counted from 1.
        step: u64,
    },
    /// The run was started with another recipe.
    #[error(
        "the run in {run_dir} was started with another recipe (digest {run}, this one has {recipe}); start a new run"
    )]
    WrongRecipe {
        /// The run's folder.
        run_dir: PathBuf,
        /// The digest of its recipe.
        run: String,
        /// The digest of the recipe at hand.
        recipe: String,
    },
    /// The dataset is not the one that the run was started with.
    #[error(
        "the {split} split has changed since the run was started (digest {now}, then {then}); start a new run"
    )]
    DatasetChanged {
        /// The split.
        split: String,
        /// Its digest now.
        now: ArtifactDigest,
        /// Its digest at the start.
        then: ArtifactDigest,
    },
    /// A file of the pipeline, such as a tokenizer, is not the one that the run was started with.
    #[error(
        "the pipeline's {file} has changed since the run was started (digest {now}, then {then}); start a new run"
    )]
    PipelineChanged {
        /// The file.
        file: String,
        /// Its digest now.
        now: ArtifactDigest,
        /// Its digest at the start.
        then: ArtifactDigest,
    },
    /// A fresh run in a folder that has a run.
    #[error("{0} has a run already; resume it or take another folder")]
    NotEmpty(PathBuf),
    /// The recipe steers by a validation split that the dataset lacks.
    #[error(
        "the recipe steers by the validation split, and the dataset \"{0}\" has none; set [data.split] validation_fraction"
    )]
    NoValidation(String),
    /// The recipe begins with weights that were not given.
    #[error("the recipe begins with the weights of \"{0}\", which were not given")]
    MissingInitialWeights(String),
    /// A checkpoint belongs to another network.
    #[error("the checkpoint at step {step} does not fit the network: it lacks {name}")]
    CheckpointDoesNotFit {
        /// The checkpoint's step.
        step: u64,
        /// The parameter.
        name: String,
    },
    /// A model that cannot take what is missing is to be trained on it.
    #[error("in [pipeline]: numbers may be missing, which \"{0}\" cannot take; add `impute`")]
    MissingNumbers(String),
    /// Every training example is of one class.
    #[error(
        "every training example of \"{dataset}\" is of the class \"{label}\", so there is nothing to tell apart; \
         look at its labels with `mofang datasets show`"
    )]
    OneClass {
        /// The dataset.
        dataset: String,
        /// The class.
        label: String,
    },
    /// There is nothing to learn from.
    #[error("the train split of \"{0}\" gives no batch; lower batch_size or leave drop_last out")]
    NoBatch(String),
}

fn where_to_go_on(step: Option<u64>) -> String {
    step.map_or_else(
        || "there is no checkpoint yet".to_owned(),
        |step| format!("the last good checkpoint is that of step {step}"),
    )
}

impl Coded for TrainError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Recipe(error) => error.code(),
            Self::Data(error) => error.code(),
            Self::Network(error) => error.code(),
            Self::Trees(error) => error.code(),
            Self::Checkpoint(error) => error.code(),
            Self::File(error) => error.code(),
            Self::Evaluate(error) => error.code(),
            Self::Diverged { .. }
            | Self::ManySteps { .. }
            | Self::TreesDiverged { .. }
            | Self::NoSteps(_)
            | Self::NoValidation(_)
            | Self::MissingInitialWeights(_)
            | Self::MissingNumbers(_)
            | Self::OneClass { .. }
            | Self::NoBatch(_) => ErrorCode::InvalidInput,
            Self::WrongRecipe { .. }
            | Self::DatasetChanged { .. }
            | Self::PipelineChanged { .. }
            | Self::NotEmpty(_)
            | Self::CheckpointDoesNotFit { .. } => ErrorCode::Conflict,
        }
    }
}
