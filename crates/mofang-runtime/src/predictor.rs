//! A model with the pipeline of its package around it: from an example to an answer.

use std::ops::ControlFlow;

use mofang_data::{CompiledPipeline, Pipeline, RawExample};
use mofang_types::{
    GenerationOptions, Package, PackageManifest, Prediction, Task, Tensor, TensorSpec,
};

use crate::{GenerateSettings, LoadedModel, RuntimeError, RuntimeSettings, runtime};

/// A loaded package: its transforms, its model, its decoders. The files of the package are not kept.
#[derive(Debug)]
pub struct Predictor {
    manifest: PackageManifest,
    input: TensorSpec,
    padding: Option<f32>,
    pipeline: CompiledPipeline,
    model: Box<dyn LoadedModel>,
}

impl Predictor {
    /// Loads a package whose bytes are verified.
    ///
    /// # Errors
    /// When no runtime takes the package, or its parts contradict each other; the message names the
    /// part.
    pub fn load(package: &Package, settings: &RuntimeSettings) -> Result<Self, RuntimeError> {
        let manifest = package.manifest.clone();
        let model = runtime::for_package(&manifest)?.load(package, settings)?;
        let pipeline = Pipeline::from_json(&manifest.pipeline)
            .and_then(|pipeline| pipeline.compile_with(&manifest.labels, &package.files))
            .map_err(|error| RuntimeError::unloadable("pipeline")(&error))?;
        let input = single(&manifest.signature.inputs)?;
        let output = single(&manifest.signature.outputs)?;
        check_agreement(&manifest, &pipeline, &output)?;
        let padding = manifest.model_input().and_then(|input| input.padding());
        Ok(Self {
            manifest,
            input,
            padding,
            pipeline,
            model,
        })
    }

    /// What the package says of itself.
    pub fn manifest(&self) -> &PackageManifest {
        &self.manifest
    }

    /// The transforms and decoders, ready to run.
    pub fn pipeline(&self) -> &CompiledPipeline {
        &self.pipeline
    }

    /// The value that fills a shorter example of a batch up, where examples have lengths of their own;
    /// the model does not read it.
    pub fn padding(&self) -> Option<f32> {
        self.padding
    }

    /// The memory that the model takes.
    pub fn size_bytes(&self) -> u64 {
        self.model.size_bytes()
    }

    /// Prepares one example: the model's input without the batch dimension.
    ///
    /// # Errors
    /// When the example cannot be read, has another shape than the model takes, or a value is not
    /// finite.
    pub fn prepare(&self, example: &RawExample) -> Result<Tensor, RuntimeError> {
        self.prepare_noting(example, &mut Vec::new())
    }

    /// As [`Self::prepare`], with what whoever asks should know about the example put into `warnings`,
    /// such as that the end of a text was cut off.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_noting(
        &self,
        example: &RawExample,
        warnings: &mut Vec<String>,
    ) -> Result<Tensor, RuntimeError> {
        let tensor = self.pipeline.prepare_noting(example, warnings)?;
        self.check_shape(&tensor)?;
        Ok(tensor)
    }

    /// Checks one example that its caller has prepared: what [`Self::prepare`] does with a ready
    /// tensor, without a copy of it.
    ///
    /// # Errors
    /// When it has another shape than the model takes, or a value is not finite.
    pub fn check(&self, tensor: &Tensor) -> Result<(), RuntimeError> {
        self.pipeline.check(tensor)?;
        self.check_shape(tensor)
    }

    fn check_shape(&self, tensor: &Tensor) -> Result<(), RuntimeError> {
        let mut shape = vec![1];
        shape.extend_from_slice(tensor.shape());
        Ok(self.input.check(&shape)?)
    }

    /// Computes a batch of prepared inputs: `[batch, …]` to `[batch, outputs]`.
    ///
    /// # Errors
    /// As [`LoadedModel::infer`].
    pub fn infer(&self, batch: &Tensor) -> Result<Tensor, RuntimeError> {
        self.model.infer(batch)
    }

    /// Outputs of a language model for each token of each text: [`LoadedModel::infer_steps`].
    ///
    /// # Errors
    /// As [`LoadedModel::infer_steps`].
    pub fn infer_steps(&self, batch: &Tensor) -> Result<Tensor, RuntimeError> {
        self.model.infer_steps(batch)
    }

    /// The model within.
    pub(crate) fn model(&self) -> &dyn LoadedModel {
        self.model.as_ref()
    }

    /// Decodes one row of outputs: the `top_k` best classes, the pipeline's own number when `None`.
    ///
    /// # Errors
    /// When the row has another length than there are labels, or a value is not finite.
    pub fn decode(&self, row: &[f32], top_k: Option<usize>) -> Result<Prediction, RuntimeError> {
        let output = self.manifest.signature.outputs.first();
        let expected = output.and_then(TensorSpec::example_shape);
        if let Some(expected) = expected.map(|shape| shape.iter().product())
            && row.len() != expected
        {
            return Err(RuntimeError::OutputLength {
                actual: row.len(),
                expected,
            });
        }
        if row.iter().any(|value| !value.is_finite()) {
            return Err(RuntimeError::OutputNotFinite);
        }
        Ok(self.pipeline.decode(row, top_k)?)
    }

    /// The whole road for one example.
    ///
    /// # Errors
    /// As the three steps.
    pub fn predict(
        &self,
        example: &RawExample,
        top_k: Option<usize>,
    ) -> Result<Prediction, RuntimeError> {
        self.predict_noting(example, top_k, &mut Vec::new())
    }

    /// As [`Self::predict`], with warnings as in [`Self::prepare_noting`].
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn predict_noting(
        &self,
        example: &RawExample,
        top_k: Option<usize>,
        warnings: &mut Vec<String>,
    ) -> Result<Prediction, RuntimeError> {
        if let Some(defaults) = self.generation() {
            // The same text goes on in the same way, as every prediction is the same again.
            let settings = GenerateSettings::new(&GenerationOptions::default(), defaults, 0);
            let mut listen = |_: &str| ControlFlow::Continue(());
            let generated = self.generate(example, &settings, warnings, &mut listen)?;
            return Ok(Prediction::Generation(generated));
        }
        let input = self.prepare_noting(example, warnings)?;
        let mut shape = vec![1];
        shape.extend_from_slice(input.shape());
        // One example is a batch of one: the same values under a longer shape.
        let batch = Tensor::new(shape, input.into_data())
            .map_err(|error| RuntimeError::unloadable("signature")(&error))?;
        self.decode(self.infer(&batch)?.data(), top_k)
    }
}

fn single(specs: &[TensorSpec]) -> Result<TensorSpec, RuntimeError> {
    match specs {
        [spec] => Ok(spec.clone()),
        _ => Err(RuntimeError::Unloadable {
            part: "signature",
            reason: format!("it has {} inputs or outputs in place of one", specs.len()),
        }),
    }
}

/// Training/serving skew begins where these differ, so a package in which they do is not loaded.
fn check_agreement(
    manifest: &PackageManifest,
    pipeline: &CompiledPipeline,
    output: &TensorSpec,
) -> Result<(), RuntimeError> {
    let labels = manifest.labels.len();
    // Behind the labels of what is said stands the blank.
    let expected = if manifest.task == Task::SpeechRecognition {
        vec![1, 1, labels + 1]
    } else {
        vec![1, labels]
    };
    // Nobody names the numbers of an embedding, nor outputs as they are; the tokenizer has the tokens' names.
    if !matches!(
        manifest.task,
        Task::Embedding | Task::Tensor | Task::TextGeneration
    ) && output.check(&expected).is_err()
    {
        return Err(RuntimeError::Unloadable {
            part: "labels",
            reason: format!("there are {labels}, and the model has another number of outputs"),
        });
    }
    match pipeline.input() {
        Some(made) => match manifest.model_input() {
            Some(taken) if taken != made => Err(RuntimeError::Unloadable {
                part: "pipeline",
                reason: format!("it makes {made}, and the model takes {taken}"),
            }),
            Some(_) | None => Ok(()),
        },
        None => Ok(()),
    }
}
