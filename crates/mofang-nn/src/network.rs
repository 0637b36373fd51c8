//! A network: a specification, its layers, and their parameters.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor};
use mofang_types::{ArchitectureSpec, ModelInput};
use serde::{Deserialize, Serialize};

use crate::architecture::{Start, find};
use crate::body::Body;
use crate::layers::{Convolution, Pass, Sequence};
use crate::name_path::{NamePath, is_below};
use crate::transformer::{Continuation, Decoder};
use crate::traversals::{Changes, Freezing, Infos, Recycling, Replacements, Slopes, Values};
use crate::{GradientSet, Input, NnError, cpu_device, tensor_from_burn};

/// Largest image side and most channels, so that sizes cannot overflow.
const SIDE_MAX: usize = 1 << 14;

/// A vocabulary may be so many times larger than that: ids stay below 2^24, up to which `f32` is exact.
const TOKENS_PER_SIDE: usize = 1 << 10;

/// Most outputs.
const OUTPUTS_MAX: usize = 1 << 20;

/// Everything that fixes a network's graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// The architecture and its configuration.
    pub architecture: ArchitectureSpec,
    /// What it takes for one example.
    pub input: ModelInput,
    /// How many numbers it gives for one example: classes, values, or the length of an embedding; for a recording
    /// at each step.
    pub outputs: usize,
}

impl NetworkSpec {
    /// `[channels, height, width]` of an image.
    ///
    /// # Errors
    /// When it takes no images, which an architecture that does says by calling this.
    pub fn image_shape(&self) -> Result<[usize; 3], NnError> {
        self.input
            .image_shape()
            .ok_or_else(|| self.takes_other("images"))
    }

    /// That the architecture takes `what` instead of what the specification has.
    pub(crate) fn takes_other(&self, what: &str) -> NnError {
        NnError::InvalidSpec(format!(
            "the architecture \"{}\" takes {what}, not {}",
            self.architecture.name, self.input
        ))
    }
}

/// A parameter or a buffer (running statistics).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// The PyTorch name, e.g. `layer1.0.conv1.weight`.
    pub name: String,
    /// The shape, in PyTorch's layout.
    pub shape: Vec<usize>,
    /// Whether an optimizer changes it; running statistics are not trainable.
    pub trainable: bool,
}

/// Gives the new values of a parameter or buffer from its old ones, or `None` to leave it as it is.
pub type ValueChange<'a> = dyn FnMut(&ParameterInfo, &[f32]) -> Option<Vec<f32>> + 'a;

/// A network with its parameters on a device.
///
/// A clone shares the running statistics of its batch normalizations with the original, as burn's
/// modules do; [`Module::valid`] gives a snapshot of its own.
#[derive(Module, Debug)]
pub struct Network {
    body: Body,
    #[module(skip)]
    spec: NetworkSpec,
}

impl Network {
    /// A network of fresh weights, which are a function of `seed`. On `device.autodiff()` it can be
    /// trained.
    ///
    /// # Errors
    /// When the specification is impossible; the message says what and what would be possible.
    pub fn new(spec: &NetworkSpec, seed: u64, device: &Device) -> Result<Self, NnError> {
        Self::start(spec, Start::Seed(seed), device)
    }

    /// A network of zeros, to be filled by [`Network::load_safetensors`] or
    /// [`Network::load_state`].
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn zeroed(spec: &NetworkSpec, device: &Device) -> Result<Self, NnError> {
        Self::start(spec, Start::Zeros, device)
    }

    fn start(spec: &NetworkSpec, start: Start, device: &Device) -> Result<Self, NnError> {
        check_input_sizes(&spec.input)?;
        if spec.outputs == 0 || spec.outputs > OUTPUTS_MAX {
            return Err(NnError::InvalidSpec(format!(
                "{} outputs are not between 1 and {OUTPUTS_MAX}",
                spec.outputs
            )));
        }
        find(&spec.architecture.name)?.build(spec, start, device)
    }

    /// A network of these layers, once they are known to take the images and give the outputs.
    pub(crate) fn from_layers(spec: &NetworkSpec, body: Sequence) -> Result<Self, NnError> {
        let output = body.output_shape(spec.image_shape()?)?;
        if output == [spec.outputs, 1, 1] {
            Ok(Self::from_body(spec, Body::Layers(body)))
        } else {
            Err(NnError::InvalidSpec(format!(
                "it gives {output:?} for an image, not {} outputs",
                spec.outputs
            )))
        }
    }

    /// A network of this body, which its architecture has built for the specification.
    pub(crate) fn from_body(spec: &NetworkSpec, body: Body) -> Self {
        Self {
            body,
            spec: spec.clone(),
        }
    }

    /// What it was built from.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// The device of its parameters.
    pub fn device(&self) -> Option<Device> {
        self.devices().into_iter().next()
    }

    /// Outputs `[batch, steps · outputs]` for a batch, those of an example's steps ([`Network::steps`]) one after another:
    /// running statistics in batch normalization, no dropout, whatever the device. For a training step, see
    /// [`Network::forward_train`].
    pub fn forward(&self, input: impl Into<Input>) -> Tensor<2> {
        self.pass(input.into(), Pass::Evaluation)
    }

    /// Outputs for a training step: batch normalization by the batch's statistics, which go into its
    /// running statistics, and dropout by masks that are a function of `step_seed`
    /// (see [`step_seed`](crate::step_seed())).
    pub fn forward_train(&self, input: impl Into<Input>, step_seed: u64) -> Tensor<2> {
        self.pass(input.into(), Pass::Training { step_seed })
    }

    fn pass(&self, input: Input, pass: Pass) -> Tensor<2> {
        let batch = input.batch();
        self.body
            .forward(input, pass)
            .reshape([batch, self.body.steps() * self.spec.outputs])
    }

    /// For each token of a language model's texts the logits of the one behind it, `[batch · length, outputs]`;
    /// what stands behind a text's end is of no use.
    ///
    /// # Errors
    /// When it is no language model.
    pub fn forward_steps(&self, input: &Input) -> Result<Tensor<2>, NnError> {
        self.at_each_token(input, Pass::Evaluation)
    }

    /// As [`Network::forward_steps`], for a training step.
    ///
    /// # Errors
    /// As [`Network::forward_steps`].
    pub fn forward_train_steps(&self, input: &Input, step_seed: u64) -> Result<Tensor<2>, NnError> {
        self.at_each_token(input, Pass::Training { step_seed })
    }

    fn at_each_token(&self, input: &Input, pass: Pass) -> Result<Tensor<2>, NnError> {
        let (Input::Tokens(tokens), Some(decoder)) = (input, self.body.decoder()) else {
            return Err(self.no_language_model());
        };
        Ok(decoder.logits(decoder.rows(tokens, pass, None)))
    }

    /// A text that this language model goes on with, empty at first.
    ///
    /// # Errors
    /// When it is no language model.
    pub fn continuation(&self) -> Result<Continuation<'_>, NnError> {
        match self.body.decoder() {
            Some(_) => Ok(Continuation::new(self)),
            None => Err(self.no_language_model()),
        }
    }

    /// The language model that it is, and the size of the vocabulary.
    pub(crate) fn decoder(&self) -> (Option<&dyn Decoder>, usize) {
        (self.body.decoder(), self.spec.outputs)
    }

    /// Outputs of [`Network::forward`] for a plain tensor.
    ///
    /// # Errors
    /// As [`Network::input`], and when the device fails.
    pub fn infer(&self, batch: &mofang_types::Tensor) -> Result<mofang_types::Tensor, NnError> {
        let device = self.device().unwrap_or_else(cpu_device);
        tensor_from_burn(self.forward(self.input(batch.clone(), &device)?))
    }

    /// Outputs of [`Network::forward_steps`] for plain ids `[batch, length]`.
    ///
    /// # Errors
    /// When it is no language model, as [`Network::input`], and when the device fails.
    pub fn infer_steps(
        &self,
        batch: &mofang_types::Tensor,
    ) -> Result<mofang_types::Tensor, NnError> {
        let device = self.device().unwrap_or_else(cpu_device);
        let input = self.input(batch.clone(), &device)?;
        tensor_from_burn(self.forward_steps(&input)?)
    }

    /// How many times it gives its outputs for an example: at each step of a recording, or once.
    pub fn steps(&self) -> usize {
        self.body.steps()
    }

    fn no_language_model(&self) -> NnError {
        NnError::InvalidSpec(format!(
            "the architecture \"{}\" is no language model",
            self.spec.architecture.name
        ))
    }

    /// A plain batch as this network takes it, on `device`.
    ///
    /// # Errors
    /// As [`Network::check_input`]; and when an id or a code of a category is out of its range.
    pub fn input(&self, batch: mofang_types::Tensor, device: &Device) -> Result<Input, NnError> {
        self.check_input(batch.shape())?;
        Input::new(&self.spec.input, batch, device)
    }

    /// Whether a batch of this shape can go through [`Network::forward`].
    ///
    /// # Errors
    /// When it has another shape than the specification's input with the batch before it, or is empty.
    pub fn check_input(&self, shape: &[usize]) -> Result<(), NnError> {
        let is_right = match (&self.spec.input, shape) {
            (_, [] | [0, ..]) => false,
            (
                ModelInput::Image {
                    channels,
                    height,
                    width,
                },
                [_, image @ ..],
            ) => *image == [*channels, *height, *width],
            (
                ModelInput::Row {
                    numbers,
                    categories,
                },
                [_, row @ ..],
            ) => *row == [numbers + categories.len()],
            (ModelInput::Tokens { length_max, .. }, [_, length]) => {
                (1..=*length_max).contains(length)
            }
            (ModelInput::Tokens { .. }, _) => false,
        };
        if is_right {
            Ok(())
        } else {
            Err(NnError::InputShape {
                expected: self.spec.input.to_string(),
                actual: shape.to_vec(),
            })
        }
    }

    /// Takes the parameters below these names out of training: they have no gradient, and no optimizer sees
    /// them. `encoder.layer.1` stands for `encoder.layer.1.output.dense.weight`, with or without what the
    /// encoder is called in the whole network, such as `bert`.
    ///
    /// # Errors
    /// When there is no parameter below one of the names.
    pub fn freeze(self, prefixes: &[String]) -> Result<Self, NnError> {
        self.parameters_below(prefixes.iter().map(String::as_str))?;
        Ok(self.map(&mut Freezing {
            path: NamePath::default(),
            prefixes,
        }))
    }

    /// For each parameter which of these names it is below: the longest.
    ///
    /// # Errors
    /// When there is no parameter below one of the names.
    pub fn parameters_below<'a>(
        &self,
        prefixes: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, &'a str>, NnError> {
        let parameters = self.parameters();
        let mut below: BTreeMap<String, &str> = BTreeMap::new();
        for prefix in prefixes {
            let mut is_known = false;
            for name in parameters.iter().map(|parameter| &parameter.name) {
                if is_below(name, prefix) {
                    is_known = true;
                    let longest = below.entry(name.clone()).or_insert(prefix);
                    if prefix.len() > longest.len() {
                        *longest = prefix;
                    }
                }
            }
            if !is_known {
                let firsts: BTreeSet<&str> = parameters
                    .iter()
                    .filter_map(|parameter| parameter.name.split('.').next())
                    .collect();
                let firsts: Vec<&str> = firsts.into_iter().collect();
                return Err(NnError::NoParameterBelow {
                    prefix: prefix.chars().take(120).collect(),
                    names: firsts.join(", "),
                });
            }
        }
        Ok(below)
    }

    /// Every parameter and buffer, in the order of the graph.
    pub fn parameters(&self) -> Vec<ParameterInfo> {
        let mut visitor = Infos::default();
        self.visit(&mut visitor);
        visitor.infos
    }

    /// The geometry of every convolution, under the name of its module in PyTorch.
    pub fn convolutions(&self) -> Vec<(String, Convolution)> {
        let mut found = Vec::new();
        self.body.convolutions(&mut found);
        found
    }

    /// The number of trainable values.
    pub fn parameter_count(&self) -> usize {
        self.parameters()
            .iter()
            .filter(|info| info.trainable)
            .map(|info| info.shape.iter().product::<usize>())
            .sum()
    }

    /// The memory that it takes once it has answered: its values, and those of convolutions a second
    /// time, in the order in which the processor multiplies them.
    pub fn size_bytes(&self) -> usize {
        let values: usize = self
            .parameters()
            .iter()
            .map(|info| {
                let copies = if info.shape.len() == 4 { 2 } else { 1 };
                copies * info.shape.iter().product::<usize>()
            })
            .sum();
        values * size_of::<f32>()
    }

    /// The values of every parameter and buffer by name, in PyTorch's layout.
    ///
    /// # Errors
    /// When the device fails.
    pub fn values(&self) -> Result<BTreeMap<String, mofang_types::Tensor>, NnError> {
        let mut visitor = Values {
            path: NamePath::default(),
            gradients: None,
            collected: Ok(BTreeMap::new()),
        };
        self.visit(&mut visitor);
        visitor.collected
    }

    /// The gradient of every trainable parameter that has one, by name.
    ///
    /// # Errors
    /// When the device fails.
    pub fn gradients(
        &self,
        gradients: &Gradients,
    ) -> Result<BTreeMap<String, mofang_types::Tensor>, NnError> {
        let mut visitor = Values {
            path: NamePath::default(),
            gradients: Some(gradients),
            collected: Ok(BTreeMap::new()),
        };
        self.visit(&mut visitor);
        visitor.collected
    }

    /// As [`Network::gradients`], without a copy.
    ///
    /// # Errors
    /// When the device fails.
    pub fn gradient_set(&self, gradients: &Gradients) -> Result<GradientSet, NnError> {
        let mut visitor = Slopes {
            path: NamePath::default(),
            gradients,
            collected: Ok(GradientSet::default()),
        };
        self.visit(&mut visitor);
        visitor.collected
    }

    /// Gives the memory of parameters that nobody else has back, to be used again: a step of training makes
    /// as many values as it leaves behind.
    pub fn recycle(self) {
        self.map(&mut Recycling::default());
    }

    /// Gives parameters and buffers the values that `take` has for their names, and leaves the others
    /// as they are. Values of another length are ignored. Nothing old is read: a network of a hundred
    /// megabytes is filled as fast as they are moved.
    pub(crate) fn replace_values(self, take: &mut dyn FnMut(&str) -> Option<Vec<f32>>) -> Self {
        let mut mapper = Replacements {
            path: NamePath::default(),
            take,
        };
        self.map(&mut mapper)
    }

    /// Changes parameters and buffers: `change` is given each one's description and old values and
    /// gives the new ones, or `None` to leave it as it is. New values of another length are ignored.
    ///
    /// # Errors
    /// When the device fails.
    pub fn map_values(self, change: &mut ValueChange<'_>) -> Result<Self, NnError> {
        let mut mapper = Changes {
            path: NamePath::default(),
            change,
            failure: None,
        };
        let network = self.map(&mut mapper);
        match mapper.failure {
            Some(error) => Err(error),
            None => Ok(network),
        }
    }
}

/// Refuses sizes that could overflow, or that nothing real has.
fn check_input_sizes(input: &ModelInput) -> Result<(), NnError> {
    let sizes: &[usize] = match input {
        ModelInput::Image {
            channels,
            height,
            width,
        } => &[*channels, *height, *width],
        ModelInput::Row {
            numbers,
            categories,
        } => &[
            numbers.saturating_add(categories.len()),
            categories.iter().copied().max().unwrap_or(1),
            categories.iter().copied().min().unwrap_or(1),
        ],
        ModelInput::Tokens {
            vocabulary_size,
            length_max,
            ..
        } => &[vocabulary_size.div_ceil(TOKENS_PER_SIDE), *length_max],
    };
    if sizes.iter().all(|size| (1..=SIDE_MAX).contains(size)) {
        return Ok(());
    }
    Err(NnError::InvalidSpec(format!(
        "{input} are not between 1 and {SIDE_MAX} in each direction"
    )))
}
