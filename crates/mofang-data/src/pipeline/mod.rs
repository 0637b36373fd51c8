//! The pipeline of a model: transforms before it, decoders after it.
//!
//! All transforms of a pipeline are of one [`Domain`]: they take images, texts, rows of a table or
//! recordings. What they are together is a `Front`, which works in two stages: the first has nothing
//! random in it and can be kept from one epoch to the next; augmentations act at the beginning of the
//! second.
//!
//! A recipe may leave to the training data what it does not say itself, such as the mean of a column or
//! the words of a vocabulary: [`Pipeline::fit`] finds it, and what it gives is stored in the package.

mod front;
mod image;
mod recording;
mod table;
mod tensor;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use mofang_types::{ModelInput, Prediction, Task, Tensor, with_suggestion};
use rand::Rng;
use serde::{Deserialize, Serialize};

pub(crate) use front::{Augmenting, Staged};

use crate::decoders::{Answer, Ctc, GenerationDefaults};
use crate::text::Tokenizer;
use crate::{
    Augmentation, DataError, Decoder, Domain, Example, Pixels, RawExample, Split, Target, Transform,
};
use front::Front;
use image::ImageFront;
use recording::RecordingFront;
use table::TableFront;
use tensor::TensorFront;
use text::TextFront;
pub use text::TokenStream;

/// The steps around a model, as they are written in a recipe and stored in a package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The steps before the model, in order.
    pub transforms: Vec<Transform>,
    /// The steps after the model, in order.
    pub decoders: Vec<Decoder>,
}

/// Files that steps of a pipeline name, such as a tokenizer, by their path in the package.
pub type PipelineFiles = BTreeMap<String, Vec<u8>>;

/// A pipeline that has everything it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedPipeline {
    /// The steps.
    pub pipeline: Pipeline,
    /// The files that they name.
    pub files: PipelineFiles,
}

impl Pipeline {
    /// Reads a pipeline from the JSON of a package's manifest.
    ///
    /// # Errors
    /// When a step is unknown or has a wrong parameter; the message names it.
    pub fn from_json(json: &serde_json::Value) -> Result<Self, DataError> {
        Self::deserialize(json)
            .map_err(|error| DataError::InvalidPipeline(with_suggestion(&error.to_string())))
    }

    /// What its transforms take; images where there is none, and ready tensors where there are no
    /// decoders either.
    ///
    /// # Errors
    /// When they take different things.
    pub fn domain(&self) -> Result<Domain, DataError> {
        let Some(first) = self.transforms.first() else {
            return Ok(if self.decoders.is_empty() {
                Domain::Tensor
            } else {
                Domain::Image
            });
        };
        let other = self
            .transforms
            .iter()
            .find(|transform| transform.domain() != first.domain());
        match other {
            None => Ok(first.domain()),
            Some(other) => Err(DataError::InvalidPipeline(format!(
                "`{}` takes {}, and `{}` takes {}",
                first.name(),
                first.domain(),
                other.name(),
                other.domain()
            ))),
        }
    }

    /// Checks what can be told without data: that the steps belong together and their parameters are in
    /// their ranges, and that they are for this task.
    ///
    /// # Errors
    /// When they are not; the message names the step.
    pub fn check(&self, task: Task) -> Result<(), DataError> {
        let (domain, wanted) = (self.domain()?, Domain::of(task));
        if domain != wanted {
            return Err(DataError::InvalidPipeline(format!(
                "its transforms take {domain}, and {task} is about {wanted}"
            )));
        }
        for transform in &self.transforms {
            transform.check()?;
        }
        // The order of steps and what they need of each other is known without data.
        match domain {
            Domain::Image => drop(ImageFront::new(&self.transforms)?),
            Domain::Recording => {
                drop(RecordingFront::new(&self.transforms)?);
                if task == Task::SpeechRecognition {
                    recording::check_times(&self.transforms)?;
                }
            }
            Domain::Table => table::check_order(&self.transforms)?,
            Domain::Tensor => {}
            Domain::Text => text::check(&self.transforms)?,
        }
        crate::decoders::check(&self.decoders)?.check_for(task)
    }

    /// Finds what the steps leave to the data, on the split that a model learns from.
    ///
    /// # Errors
    /// When the data do not tell it.
    pub fn fit(&self, train: &Split) -> Result<FittedPipeline, DataError> {
        self.fit_with(train, &PipelineFiles::new())
    }

    /// As [`Self::fit`], with the files that steps take from elsewhere, such as a tokenizer.
    ///
    /// # Errors
    /// When the data do not tell what is left to them, or a file is missing.
    pub fn fit_with(
        &self,
        train: &Split,
        given: &PipelineFiles,
    ) -> Result<FittedPipeline, DataError> {
        let mut fitted = FittedPipeline {
            pipeline: self.clone(),
            files: PipelineFiles::new(),
        };
        let (transforms, examples) = (&mut fitted.pipeline.transforms, train.examples());
        match self.domain()? {
            Domain::Image | Domain::Tensor => {}
            Domain::Recording => recording::fit(transforms, examples)?,
            Domain::Table => table::fit(transforms, examples)?,
            Domain::Text => {
                let answer = crate::decoders::check(&self.decoders)?;
                let is_language = matches!(answer, Answer::Generation(_));
                text::fit(transforms, examples, is_language, given, &mut fitted.files)?;
            }
        }
        crate::decoders::fit(&mut fitted.pipeline.decoders, train.examples())?;
        Ok(fitted)
    }

    /// As [`Self::compile_with`], for a pipeline that names no files.
    ///
    /// # Errors
    /// As [`Self::compile_with`].
    pub fn compile(&self, labels: &[String]) -> Result<CompiledPipeline, DataError> {
        self.compile_with(labels, &PipelineFiles::new())
    }

    /// Checks the steps and makes them ready to run, with the labels that the decoders name and the
    /// files that transforms name. `files` may hold others.
    ///
    /// # Errors
    /// When the steps cannot follow each other as they do, a parameter is out of its range, something
    /// is still left to the data, or a file is missing.
    pub fn compile_with(
        &self,
        labels: &[String],
        files: &PipelineFiles,
    ) -> Result<CompiledPipeline, DataError> {
        let front: Arc<dyn Front> = match self.domain()? {
            Domain::Image => Arc::new(ImageFront::new(&self.transforms)?),
            Domain::Recording => Arc::new(RecordingFront::new(&self.transforms)?.fitted()?),
            Domain::Table => Arc::new(TableFront::new(&self.transforms)?),
            Domain::Tensor => Arc::new(TensorFront),
            Domain::Text => Arc::new(TextFront::new(&self.transforms, files)?),
        };
        let answer = crate::decoders::check(&self.decoders)?;
        answer.check_fitted()?;
        if let Answer::Generation(defaults) = &answer {
            check_ends(front.as_ref(), &defaults.stop.tokens)?;
        }
        let domain = self.domain()?;
        if answer == Answer::Values && domain != Domain::Tensor {
            return Err(DataError::InvalidPipeline(format!(
                "it has no decoders, and its transforms take {domain}"
            )));
        }
        Ok(CompiledPipeline {
            domain,
            front,
            answer,
            labels: labels.to_vec(),
        })
    }
}

/// That the tokenizer has the tokens that end a text.
fn check_ends(front: &dyn Front, tokens: &[String]) -> Result<(), DataError> {
    let tokenizer = front.texts().map(TextFront::tokenizer);
    let id_of = |token: &str| tokenizer.and_then(|tokenizer| tokenizer.token_to_id(token));
    match tokens.iter().find(|token| id_of(token).is_none()) {
        Some(token) => Err(DataError::InvalidPipeline(format!(
            "`stop`: the tokenizer has no token \"{token}\""
        ))),
        None => Ok(()),
    }
}

/// A pipeline that is checked and ready to run. Cheap to share between threads.
#[derive(Debug, Clone)]
pub struct CompiledPipeline {
    domain: Domain,
    front: Arc<dyn Front>,
    answer: Answer,
    labels: Vec<String>,
}

impl CompiledPipeline {
    /// What the transforms take.
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// The labels of the classes, by index; for numbers, the names of what they measure.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// What every prepared example is to a model, when the transforms fix it.
    pub fn input(&self) -> Option<ModelInput> {
        self.front.input()
    }

    /// Whether a number of a prepared example may be missing (NaN), which few models take.
    pub fn leaves_missing(&self) -> bool {
        self.front.leaves_missing()
    }

    /// What the training data have shown that people should know: columns that are left out, or that
    /// tell too much.
    pub fn notes(&self) -> Vec<String> {
        self.front.notes()
    }

    /// What a model learns of an example, in its own units: those of its outputs before the decoders.
    pub fn encode(&self, target: &Target) -> Target {
        self.answer.encode(target)
    }

    /// The numbers that outputs stand for, in the units of what was learned; none for classes.
    pub fn number_of(&self, outputs: &[f32]) -> Option<f64> {
        self.answer.number_of(outputs)
    }

    /// Prepares an input: runs every transform. The result has no batch dimension.
    ///
    /// # Errors
    /// When the input cannot be read, is too large, or is not what a step needs; for a ready tensor,
    /// when its shape is wrong or a value is not finite.
    pub fn prepare(&self, input: &RawExample) -> Result<Tensor, DataError> {
        self.prepare_noting(input, &mut Vec::new())
    }

    /// As [`Self::prepare`], with what whoever asks should know about the input put into `warnings`,
    /// such as that its end was cut off.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_noting(
        &self,
        input: &RawExample,
        warnings: &mut Vec<String>,
    ) -> Result<Tensor, DataError> {
        if let RawExample::Tensor(tensor) = input {
            self.check(tensor)?;
            return Ok(tensor.clone());
        }
        let staged = self.front.stage_noting(input, warnings)?;
        self.finish(&staged, None)
    }

    /// Prepares an input for training: as [`Self::prepare`], with augmentations.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_augmented(
        &self,
        input: &RawExample,
        augmentations: &[Augmentation],
        randomness: &mut dyn Rng,
    ) -> Result<Tensor, DataError> {
        let staged = self.stage(input)?;
        self.finish(&staged, Some((augmentations, randomness)))
    }

    fn finish(
        &self,
        staged: &Staged<'_>,
        augmenting: Option<Augmenting<'_>>,
    ) -> Result<Tensor, DataError> {
        let mut values = Vec::new();
        let shape = self.finish_into(staged, augmenting, &mut values, &mut Vec::new())?;
        Tensor::new(shape, values).map_err(|error| DataError::InvalidSettings(error.to_string()))
    }

    /// The first stage, which has nothing random in it.
    pub(crate) fn stage<'a>(&self, input: &'a RawExample) -> Result<Staged<'a>, DataError> {
        self.front.stage(input)
    }

    /// The second stage: appends the values to `values` and gives their shape. `scratch` is room that
    /// the caller keeps from one example to the next.
    pub(crate) fn finish_into(
        &self,
        staged: &Staged<'_>,
        augmenting: Option<Augmenting<'_>>,
        values: &mut Vec<f32>,
        scratch: &mut Vec<f32>,
    ) -> Result<Vec<usize>, DataError> {
        self.front.finish(staged, augmenting, values, scratch)
    }

    /// The image that the transforms make of an input before it becomes numbers, for pictures; none for
    /// what is no image.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn picture(&self, input: &RawExample) -> Result<Option<Pixels>, DataError> {
        self.front.picture(input)
    }

    /// Turns the model's output for one example into a prediction; of classes the `top_k` best (the
    /// pipeline's own number when `None`).
    ///
    /// # Errors
    /// When there are not as many outputs as labels, or one is not finite.
    pub fn decode(&self, outputs: &[f32], top_k: Option<usize>) -> Result<Prediction, DataError> {
        let seconds = self.front.seconds();
        self.answer.decode(outputs, &self.labels, top_k, seconds)
    }

    /// How texts go on where a request does not say it; none where answers are no such texts.
    pub fn generation(&self) -> Option<&GenerationDefaults> {
        match &self.answer {
            Answer::Generation(defaults) => Some(defaults),
            Answer::Classes { .. }
            | Answer::Embedding { .. }
            | Answer::Numbers(_)
            | Answer::Transcript(_)
            | Answer::Values => None,
        }
    }

    /// What makes a text of the outputs for a recording; none where answers are no such texts.
    pub fn transcription(&self) -> Option<&Ctc> {
        match &self.answer {
            Answer::Transcript(ctc) => Some(ctc),
            Answer::Classes { .. }
            | Answer::Embedding { .. }
            | Answer::Generation(_)
            | Answer::Numbers(_)
            | Answer::Values => None,
        }
    }

    /// The text that a recording's labels are; none where answers are no such texts.
    pub fn transcript_of(&self, target: &Target) -> Option<String> {
        let ctc = self.transcription()?;
        Some(ctc.text(target.labels()?, &self.labels))
    }

    /// What cuts texts into tokens; none where the transforms take no texts.
    pub fn tokenizer(&self) -> Option<&Tokenizer> {
        self.front.texts().map(TextFront::tokenizer)
    }

    /// The tokens of a text that a language model is to go on with; of more than it reads the last, and the
    /// warnings say so.
    ///
    /// # Errors
    /// When it is no text, not UTF-8, or leaves no token.
    pub fn prompt(
        &self,
        input: &RawExample,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<u32>, DataError> {
        self.texts()?.prompt(input, warnings)
    }

    /// All tokens of some texts, one text after another, as a language model learns from them.
    ///
    /// # Errors
    /// When one of them is no text, or the tokenizer fails.
    pub fn token_stream(&self, examples: &[Example]) -> Result<TokenStream, DataError> {
        self.texts()?.stream(examples)
    }

    fn texts(&self) -> Result<&TextFront, DataError> {
        self.front.texts().ok_or(DataError::WrongInput {
            expected: "what its pipeline prepares",
            actual: "a text",
        })
    }

    /// Checks a tensor that somebody else has prepared.
    ///
    /// # Errors
    /// When its shape is not the one that the transforms make, or a value is not finite.
    pub fn check(&self, tensor: &Tensor) -> Result<(), DataError> {
        let data = tensor.data();
        // Without a way out in the middle of a stretch the compiler looks at many values at once.
        let all_finite = |stretch: &[f32]| {
            stretch
                .iter()
                .fold(true, |so_far, value| so_far & value.is_finite())
        };
        if !data.chunks(4096).all(all_finite) {
            let index = data.iter().position(|value| !value.is_finite());
            return Err(DataError::NotFinite {
                index: index.unwrap_or_default(),
            });
        }
        self.front.check(tensor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compiled(transforms: &serde_json::Value) -> Result<CompiledPipeline, DataError> {
        let labels: Vec<String> = ["a", "b"].map(str::to_owned).to_vec();
        Pipeline::from_json(&json!({
            "transforms": transforms,
            "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 1}, {"type": "labels"}],
        }))?
        .compile(&labels)
    }

    #[test]
    fn an_image_becomes_the_normalized_tensor() {
        let pipeline = compiled(&json!([
            {"type": "decode"}, {"type": "convert", "color": "grayscale"},
            {"type": "resize", "height": 1, "width": 2},
            {"type": "normalize", "mean": [0.5], "std": [0.5]},
        ]))
        .unwrap();
        assert_eq!(pipeline.input(), Some(ModelInput::image([1, 1, 2])));
        let png = Pixels::new(1, 2, 1, vec![0, 255])
            .unwrap()
            .to_png()
            .unwrap();
        let tensor = pipeline.prepare(&RawExample::Encoded(png)).unwrap();
        assert_eq!(tensor.shape(), [1, 1, 2]);
        mofang_types::testing::assert_close(tensor.data(), &[-1.0, 1.0], 1e-6);
    }

    #[test]
    fn wrong_orders_and_names_are_refused() {
        for (transforms, part) in [
            (
                json!([{"type": "normalize", "mean": [0.5], "std": [0.5]}, {"type": "invert"}]),
                "after `normalize`",
            ),
            (
                json!([{"type": "invert"}, {"type": "decode"}]),
                "`decode` must be the first",
            ),
            (
                json!([{"type": "resiz", "height": 1, "width": 1}]),
                "did you mean `resize`?",
            ),
            (
                json!([{"type": "normalize", "mean": [0.5], "std": [0.0]}]),
                "std",
            ),
            (
                json!([{"type": "resize", "height": 0, "width": 1}]),
                "height",
            ),
            (
                json!([{"type": "resize", "heigth": 1, "width": 1}]),
                "did you mean `height`?",
            ),
            (
                json!([{"type": "convert", "color": "greyscale"}]),
                "did you mean `grayscale`?",
            ),
            (json!([{"type": "invert", "by": 3}]), "unknown field `by`"),
        ] {
            let message = compiled(&transforms).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn unknown_decoders_and_their_keys_are_refused() {
        for (decoders, part) in [
            (json!([{"type": "softmaxx"}]), "did you mean `softmax`?"),
            (
                json!([{"type": "softmax", "temperature": 2}]),
                "unknown field `temperature`",
            ),
            (json!([{"type": "top_k", "n": 2}]), "unknown field `n`"),
        ] {
            let json = json!({"transforms": [], "decoders": decoders});
            let message = Pipeline::from_json(&json).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn channels_become_planes() {
        let pipeline = compiled(&json!([])).unwrap();
        let pixels = Pixels::new(1, 2, 3, vec![0, 51, 102, 153, 204, 255]).unwrap();
        let tensor = pipeline.prepare(&RawExample::Pixels(pixels)).unwrap();
        assert_eq!(tensor.shape(), [3, 1, 2]);
        mofang_types::testing::assert_close(tensor.data(), &[0.0, 0.6, 0.2, 0.8, 0.4, 1.0], 1e-6);
    }

    #[test]
    fn a_ready_tensor_is_checked() {
        let pipeline = compiled(&json!([
            {"type": "convert", "color": "grayscale"}, {"type": "resize", "height": 2, "width": 2},
        ]))
        .unwrap();
        let tensor =
            |shape: Vec<usize>, data| RawExample::Tensor(Tensor::new(shape, data).unwrap());
        assert!(
            pipeline
                .prepare(&tensor(vec![1, 2, 2], vec![0.0; 4]))
                .is_ok()
        );
        assert!(matches!(
            pipeline.prepare(&tensor(vec![1, 4], vec![0.0; 4])),
            Err(DataError::WrongShape { .. })
        ));
        assert!(matches!(
            pipeline.prepare(&tensor(vec![1, 2, 2], vec![0.0, f32::NAN, 0.0, 0.0])),
            Err(DataError::NotFinite { index: 1 })
        ));
    }
}
