//! A network: a specification, its layers, and their parameters.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use mofang_types::ArchitectureSpec;
use serde::{Deserialize, Serialize};

use crate::architecture::{Start, find};
use crate::layers::{Convolution, Pass, Sequence};
use crate::name_path::{NamePath, is_buffer};
use crate::{NnError, tensor_from_burn};

/// Largest image side and most channels, so that sizes cannot overflow.
const SIDE_MAX: usize = 1 << 14;

/// Most classes.
const CLASSES_MAX: usize = 1 << 20;

/// Everything that fixes a network's graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// The architecture and its configuration.
    pub architecture: ArchitectureSpec,
    /// `[channels, height, width]` of an image.
    pub image_shape: [usize; 3],
    /// The number of classes.
    pub classes: usize,
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
    body: Sequence,
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
        let [channels, height, width] = spec.image_shape;
        if [channels, height, width]
            .iter()
            .any(|size| *size == 0 || *size > SIDE_MAX)
        {
            return Err(NnError::InvalidSpec(format!(
                "images of {channels}×{height}×{width} are not between 1 and {SIDE_MAX} on each side"
            )));
        }
        if spec.classes == 0 || spec.classes > CLASSES_MAX {
            return Err(NnError::InvalidSpec(format!(
                "{} classes are not between 1 and {CLASSES_MAX}",
                spec.classes
            )));
        }
        find(&spec.architecture.name)?.build(spec, start, device)
    }

    /// A network of these layers, once they are known to take the images and give the classes.
    pub(crate) fn from_layers(spec: &NetworkSpec, body: Sequence) -> Result<Self, NnError> {
        let output = body.output_shape(spec.image_shape)?;
        if output == [spec.classes, 1, 1] {
            Ok(Self {
                body,
                spec: spec.clone(),
            })
        } else {
            Err(NnError::InvalidSpec(format!(
                "it gives {output:?} for an image, not {} classes",
                spec.classes
            )))
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

    /// Logits `[batch, classes]` for images `[batch, channels, height, width]`: running statistics
    /// in batch normalization, no dropout, whatever the device. For a training step, see
    /// [`Network::forward_train`].
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.pass(images, Pass::Evaluation)
    }

    /// Logits for a training step: batch normalization by the batch's statistics, which go into its
    /// running statistics, and dropout by masks that are a function of `step_seed`
    /// (see [`step_seed`](crate::step_seed())).
    pub fn forward_train(&self, images: Tensor<4>, step_seed: u64) -> Tensor<2> {
        self.pass(images, Pass::Training { step_seed })
    }

    fn pass(&self, images: Tensor<4>, pass: Pass) -> Tensor<2> {
        let batch = images.dims()[0];
        self.body
            .forward(images, pass)
            .reshape([batch, self.spec.classes])
    }

    /// Whether a batch of this shape can go through [`Network::forward`].
    ///
    /// # Errors
    /// When it has another shape than `[batch, channels, height, width]` of the specification, or
    /// is empty.
    pub fn check_input(&self, shape: &[usize]) -> Result<(), NnError> {
        match shape {
            [batch, image @ ..] if *batch > 0 && image == self.spec.image_shape => Ok(()),
            _ => Err(NnError::InputShape {
                expected: self.spec.image_shape,
                actual: shape.to_vec(),
            }),
        }
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
        self.body.convolutions("", &mut found);
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

#[derive(Default)]
struct Infos {
    path: NamePath,
    infos: Vec<ParameterInfo>,
}

fn info_of(path: &NamePath, shape: &[usize]) -> ParameterInfo {
    let name = path.name();
    ParameterInfo {
        trainable: !is_buffer(&name),
        shape: shape.to_vec(),
        name,
    }
}

impl ModuleVisitor for Infos {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.infos.push(info_of(&self.path, &param.dims()));
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}

struct Values<'a> {
    path: NamePath,
    gradients: Option<&'a Gradients>,
    collected: Result<BTreeMap<String, mofang_types::Tensor>, NnError>,
}

impl ModuleVisitor for Values<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        let tensor = match self.gradients {
            None => Some(param.val().without_autodiff()),
            Some(_) if is_buffer(&name) => None,
            Some(gradients) => param.val().grad(gradients),
        };
        if let (Some(tensor), Ok(values)) = (tensor, &mut self.collected) {
            match tensor_from_burn(tensor) {
                Ok(tensor) => {
                    values.insert(name, tensor);
                }
                Err(error) => self.collected = Err(error),
            }
        }
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}

struct Replacements<'a> {
    path: NamePath,
    take: &'a mut dyn FnMut(&str) -> Option<Vec<f32>>,
}

impl ModuleMapper for Replacements<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let values = (self.take)(&self.path.name());
        with_values(param, values)
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}

/// The parameter with these values, when there are as many as it has.
fn with_values<const D: usize>(
    param: Param<Tensor<D>>,
    values: Option<Vec<f32>>,
) -> Param<Tensor<D>> {
    let shape = param.dims();
    match values {
        Some(values) if values.len() == shape.iter().product::<usize>() => {
            let (id, device) = (param.id, param.device());
            let tensor = Tensor::from_data(TensorData::new(values, shape), &device);
            param.transform_for_load(tensor, id)
        }
        Some(_) | None => param,
    }
}

struct Changes<'a> {
    path: NamePath,
    change: &'a mut ValueChange<'a>,
    failure: Option<NnError>,
}

impl ModuleMapper for Changes<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let info = info_of(&self.path, &param.dims());
        let old = match tensor_from_burn(param.val().without_autodiff()) {
            Ok(old) => old,
            Err(error) => {
                self.failure = Some(error);
                return param;
            }
        };
        let new = (self.change)(&info, old.data());
        with_values(param, new)
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.path.exit(name, container_type);
    }
}
