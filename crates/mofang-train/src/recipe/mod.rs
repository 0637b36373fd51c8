//! The recipe: the TOML file that fully determines a training run.
//!
//! Unknown keys are errors with a suggestion. The digest is taken over the values, defaults
//! included, not over the text: comments and layout do not change it.

mod data;
mod error;
mod evaluate;
mod locate;
mod train;
mod trees;

use std::sync::Arc;

use mofang_data::{Augmentation, CompiledPipeline, Domain, Pipeline};
use mofang_nn::architectures;
use mofang_types::{ArchitectureSpec, ArtifactDigest, ModelInput, ModelName, Task};
use serde::{Deserialize, Serialize};

use crate::evaluation::EvaluateSettings;
use crate::loss::{CrossEntropy, Loss};
use crate::metrics::Judged;

pub use data::DataSection;
pub use error::RecipeError;
pub use evaluate::EvaluateSection;
pub use train::{
    ClassWeightRule, ClassWeights, FinalWeights, MetricTarget, StopRules, TrainSection,
};

/// The newest recipe format that this code reads.
pub const RECIPE_FORMAT_VERSION: u32 = 1;

/// A training run, fully determined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The version of the recipe's format, [`RECIPE_FORMAT_VERSION`] at most.
    pub format_version: u32,
    /// What comes out.
    pub model: ModelSection,
    /// What goes in.
    pub data: DataSection,
    /// The steps before and after the model, which go into the package.
    pub pipeline: Pipeline,
    /// Random changes of training examples.
    #[serde(default)]
    pub augmentations: Vec<Augmentation>,
    /// The graph and where its weights begin.
    pub architecture: ArchitectureSection,
    /// How it learns.
    pub train: TrainSection,
    /// How it is judged.
    #[serde(default)]
    pub evaluate: EvaluateSection,
    /// The text that it was read from.
    #[serde(skip)]
    text: String,
}

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSection {
    /// The model that a version is published of.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub task: Task,
    /// A sentence or more for people.
    #[serde(default)]
    pub description: String,
}

/// Whether a task is the one that recipes without a task are for; it is not written, so that their
/// digests stay.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_default(task: &Task) -> bool {
    *task == Task::default()
}

/// The graph and where its weights begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchitectureSection {
    /// The name of the architecture.
    pub name: String,
    /// Its configuration, in the architecture's own schema.
    #[serde(default = "empty_table")]
    pub config: serde_json::Value,
    /// Weights to begin with instead of fresh ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<InitialWeightsSection>,
}

fn empty_table() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

/// Weights to begin with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitialWeightsSection {
    /// A version (`digits@1`) or a safetensors file; whoever starts the run reads it.
    pub from: String,
    /// Whether parameters that are missing or of another shape may keep their fresh values.
    #[serde(default)]
    pub partial: bool,
}

impl ArchitectureSection {
    /// The architecture as a manifest names it.
    pub fn spec(&self) -> ArchitectureSpec {
        ArchitectureSpec {
            name: self.name.clone(),
            config: self.config.clone(),
        }
    }
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// When it is malformed, has an unknown key (the message suggests the right one and names the
    /// table), or values that cannot be.
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        let mut recipe: Self = toml::from_str(text)
            .map_err(|error| RecipeError::Malformed(locate::describe(text, &error)))?;
        text.clone_into(&mut recipe.text);
        if recipe.train.monitor.is_empty() {
            let monitor = Judged::of(recipe.model.task).default_monitor();
            monitor.clone_into(&mut recipe.train.monitor);
        }
        recipe.check()?;
        Ok(recipe)
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The SHA-256 over the values, which tells runs of different recipes apart.
    pub fn digest(&self) -> ArtifactDigest {
        // Keys of tables are sorted and floats written exactly, so equal recipes give equal bytes.
        let canonical = serde_json::to_vec(self).unwrap_or_default();
        ArtifactDigest::of(&canonical)
    }

    /// What the transforms of a recipe make of an example.
    ///
    /// # Errors
    /// When they leave it open.
    pub fn input_of(pipeline: &CompiledPipeline) -> Result<ModelInput, RecipeError> {
        pipeline.input().ok_or_else(|| {
            RecipeError::invalid(
                "pipeline",
                "it does not fix the shape of an example; images need `convert` and `resize`, recordings `pad_or_trim`",
            )
        })
    }

    /// What the run makes small; `class_weights` are those of the classes, in their order, and of `labels` there are
    /// so many.
    pub(crate) fn loss(&self, class_weights: &Arc<[f64]>, labels: usize) -> Loss {
        let label_smoothing = self.train.label_smoothing;
        match Judged::of(self.model.task) {
            Judged::Classes => Loss::CrossEntropy(CrossEntropy {
                label_smoothing,
                class_weights: Arc::clone(class_weights),
            }),
            Judged::Numbers => Loss::SquaredError,
            Judged::Tokens => Loss::NextToken { label_smoothing },
            Judged::Transcripts => Loss::Connectionist {
                classes: labels + 1,
            },
        }
    }

    /// Whether the model is an ensemble of trees, which no gradient loop trains and which have no checkpoints.
    pub fn grows_trees(&self) -> bool {
        self.architecture.name == mofang_trees::ARCHITECTURE
    }

    /// How the result is judged.
    pub(crate) fn evaluate_settings(&self) -> EvaluateSettings {
        EvaluateSettings {
            batch_size: self.evaluate.batch_size,
            most_confused: self.evaluate.most_confused,
            loader_threads: self.train.loader_threads,
            bootstrap: self.evaluate.bootstrap,
            seed: self.train.seed,
        }
    }

    /// A language model learns from windows of all texts, not from examples.
    fn check_language_model(&self) -> Result<(), RecipeError> {
        if !self.augmentations.is_empty() {
            return Err(RecipeError::invalid(
                "augmentations",
                "a language model learns from texts as they are; leave them out",
            ));
        }
        if self.train.group_by_length {
            return Err(RecipeError::invalid(
                "train",
                "group_by_length: the windows of a language model are equally long; leave it out",
            ));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), RecipeError> {
        if self.format_version == 0 || self.format_version > RECIPE_FORMAT_VERSION {
            return Err(RecipeError::NewerFormat(self.format_version));
        }
        self.model
            .name
            .parse::<ModelName>()
            .map_err(|error| RecipeError::invalid("model", error.to_string()))?;
        self.data.split.check()?;
        self.pipeline.check(self.model.task)?;
        let domain = self.pipeline.domain()?;
        if domain == Domain::Tensor {
            return Err(RecipeError::invalid(
                "model",
                "models of the task tensor are imported, not trained",
            ));
        }
        if domain == Domain::Image {
            // Nothing of it is left to the data.
            Self::input_of(&self.pipeline.compile(&[])?)?;
        }
        for augmentation in &self.augmentations {
            augmentation.check()?;
            if augmentation.domain() != domain {
                return Err(RecipeError::invalid(
                    "augmentations",
                    format!(
                        "`{}` changes {}, and the pipeline takes {domain}",
                        augmentation.name(),
                        augmentation.domain()
                    ),
                ));
            }
        }
        if self.grows_trees() {
            trees::check(self)?;
        } else {
            architectures::find(&self.architecture.name)?;
        }
        if self.model.task == Task::TextGeneration {
            self.check_language_model()?;
        }
        self.train.check(self.model.task)?;
        self.evaluate.check(self.model.task)?;
        if self.train.needs_validation() && self.data.split.validation_fraction <= 0.0 {
            // A dataset with a validation split of its own would do, but none is known here.
            tracing::warn!(
                "the recipe steers by a validation split; the dataset must bring its own, since \
                 validation_fraction is 0"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const MINIMAL: &str = r#"
format_version = 1

[model]
name = "digits"

[data]
dataset = "digits"

[pipeline]
transforms = [{ type = "convert", color = "grayscale" }, { type = "resize", height = 8, width = 8 }]
decoders = [{ type = "softmax" }, { type = "top_k", k = 3 }, { type = "labels" }]

[architecture]
name = "simple_cnn"

[train]
seed = 1
batch_size = 32
optimizer = { name = "adamw", learning_rate = 0.001 }

[train.stop]
epochs = 2
"#;

    fn error_of(change: (&str, &str)) -> String {
        let text = MINIMAL.replace(change.0, change.1);
        assert_ne!(text, MINIMAL);
        Recipe::parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn a_minimal_recipe_is_enough_and_its_digest_ignores_layout() {
        let recipe = Recipe::parse(MINIMAL).unwrap();
        let input = Recipe::input_of(&recipe.pipeline.compile(&[]).unwrap()).unwrap();
        assert_eq!(input.image_shape(), Some([1, 8, 8]));
        let laid_out = Recipe::parse(&MINIMAL.replace("seed = 1", "seed   = 1 # one")).unwrap();
        assert_eq!(recipe.digest(), laid_out.digest());
        let defaults = MINIMAL.replace("[train.stop]", "[train.stop]\nmin_delta = 0.0");
        assert_eq!(recipe.digest(), Recipe::parse(&defaults).unwrap().digest());
        let other = Recipe::parse(&MINIMAL.replace("seed = 1", "seed = 2")).unwrap();
        assert_ne!(recipe.digest(), other.digest());
    }

    #[test]
    fn resamples_are_in_the_digest_only_where_they_are_not_the_usual_ones() {
        let with = |resamples: usize| {
            let stated = format!("[evaluate]\nbootstrap = {resamples}\n[train.stop]");
            Recipe::parse(&MINIMAL.replace("[train.stop]", &stated)).unwrap()
        };
        let digest = Recipe::parse(MINIMAL).unwrap().digest();
        assert_eq!(with(1_000).digest(), digest);
        assert_ne!(with(0).digest(), digest);
        // What recipes had before there were resamples.
        let values = serde_json::to_value(with(1_000)).unwrap();
        let names: Vec<&String> = values["evaluate"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["batch_size", "gate", "most_confused"]);
        assert_eq!(with(500).evaluate_settings().bootstrap, 500);
        assert_eq!(with(500).evaluate_settings().seed, 1);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_table_and_a_suggestion() {
        for (change, parts) in [
            (
                ("batch_size", "bacth_size"),
                ["[train]", "line 19", "did you mean `batch_size`?"],
            ),
            (
                ("epochs", "epoch"),
                ["[train.stop]", "line 23", "did you mean `epochs`?"],
            ),
            (
                ("\"adamw\"", "\"adam\""),
                ["[train]", "line 20", "did you mean `adamw`?"],
            ),
            (
                ("learning_rate", "learning_rat"),
                ["[train]", "line 20", "did you mean `learning_rate`?"],
            ),
            (
                ("\"simple_cnn\"", "\"simple_cn\""),
                ["simple_cn", "architecture", "simple_cnn"],
            ),
        ] {
            let message = error_of(change);
            for part in parts {
                assert!(message.contains(part), "\"{part}\" is not in: {message}");
            }
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        for (change, part) in [
            (("format_version = 1", "format_version = 2"), "format"),
            (("name = \"digits\"", "name = \"Ä b\""), "[model]"),
            (("batch_size = 32", "batch_size = 0"), "batch_size"),
            (
                ("epochs = 2", "patience_epochs = 2"),
                "epochs, steps or seconds",
            ),
            (
                (
                    "epochs = 2",
                    "epochs = 2\ntarget = { metric = \"acuracy\", value = 1.0 }",
                ),
                "accuracy",
            ),
            (("transforms = [", "transforms = [] #"), "shape"),
            (
                ("seed = 1", "seed = 1\nlabel_smoothing = 1.0"),
                "label_smoothing",
            ),
            (("seed = 1", "seed = 1\nclip_norm = 0.0"), "clip_norm"),
            (
                ("[train.stop]", "[evaluate.gate]\nacc = 0.9\n[train.stop]"),
                "[evaluate.gate]",
            ),
            (
                ("[train.stop]", "[evaluate]\nbootstrap = 99\n[train.stop]"),
                "neither 0 nor from 100",
            ),
        ] {
            let message = error_of(change);
            assert!(message.contains(part), "\"{part}\" is not in: {message}");
        }
    }
}
