//! Layers one after the other, each under a name.

use std::iter::Peekable;

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::tensor::{Device, Tensor};

use super::{Convolution, ImageShape, Layer, Pass};
use crate::NnError;
use crate::kernels::Activation;

/// Layers one after the other. The names are parts of the parameters' names, which burn's own
/// containers cannot give: `torch.nn.Sequential` counts layers without parameters too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sequence {
    children: Vec<(String, Layer)>,
}

impl Sequence {
    /// Children under names of their own.
    pub(crate) fn of(children: Vec<(String, Layer)>) -> Self {
        Self { children }
    }

    /// Children under the given names.
    pub(crate) fn named(children: Vec<(&str, Layer)>) -> Self {
        let children = children.into_iter();
        Self::of(
            children
                .map(|(name, layer)| (name.to_owned(), layer))
                .collect(),
        )
    }

    /// Children under their numbers, as in `torch.nn.Sequential`.
    pub(crate) fn numbered(children: Vec<Layer>) -> Self {
        Self {
            children: children
                .into_iter()
                .enumerate()
                .map(|(index, layer)| (index.to_string(), layer))
                .collect(),
        }
    }

    /// These children, and then more under the given names.
    pub(crate) fn followed_by(mut self, children: Vec<(&str, Layer)>) -> Self {
        self.children.extend(Self::named(children).children);
        self
    }

    /// One layer after the other; what a layer takes in of those behind it, it does in one pass.
    pub(crate) fn forward(&self, input: Tensor<4>, pass: Pass) -> Tensor<4> {
        let mut value = input;
        let mut layers = self.children.iter().map(|(_, layer)| layer).peekable();
        while let Some(layer) = layers.next() {
            if let (Layer::Conv2d(conv2d), Pass::Evaluation) = (layer, pass) {
                let norm = layers.next_if(|next| matches!(next, Layer::BatchNorm2d(_)));
                let norm = norm.and_then(Layer::as_batch_norm2d);
                let activation = take_activation(&mut layers);
                value = conv2d.evaluate(value, norm, activation);
            } else if let Layer::BatchNorm2d(norm) = layer {
                let activation = take_activation(&mut layers);
                value = norm.forward(value, activation, pass);
            } else {
                value = layer.forward(value, pass);
            }
        }
        value
    }

    pub(crate) fn output_shape(&self, input: ImageShape) -> Result<ImageShape, NnError> {
        self.children
            .iter()
            .try_fold(input, |shape, (_, layer)| layer.output_shape(shape))
    }

    /// See [`Layer::convolutions`].
    pub(crate) fn convolutions(&self, prefix: &str, found: &mut Vec<(String, Convolution)>) {
        for (name, layer) in &self.children {
            if prefix.is_empty() {
                layer.convolutions(name, found);
            } else {
                layer.convolutions(&format!("{prefix}.{name}"), found);
            }
        }
    }

    fn map_layers(self, mut change: impl FnMut(Layer) -> Layer) -> Self {
        Self {
            children: self
                .children
                .into_iter()
                .map(|(name, layer)| (name, change(layer)))
                .collect(),
        }
    }
}

/// The rectifier that comes next, if one does.
fn take_activation<'a>(layers: &mut Peekable<impl Iterator<Item = &'a Layer>>) -> Activation {
    layers
        .next_if(|next| next.activation().is_some())
        .and_then(Layer::activation)
        .unwrap_or_default()
}

/// The container's type as traversals are told.
const CONTAINER: &str = "Struct:Sequence";

impl Module for Sequence {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.children.iter().fold(devices, |devices, (_, layer)| {
            layer.collect_devices(devices)
        })
    }

    fn fork(self, device: &Device) -> Self {
        self.map_layers(|layer| layer.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.map_layers(|layer| layer.to_device(device))
    }

    fn train(self) -> Self {
        self.map_layers(Module::train)
    }

    fn valid(&self) -> Self {
        self.clone().map_layers(|layer| layer.valid())
    }

    fn materialize(self) -> Self {
        self.map_layers(Module::materialize)
    }

    fn visit<Visitor: ModuleVisitor>(&self, visitor: &mut Visitor) {
        for (name, layer) in &self.children {
            visitor.enter_module(name, CONTAINER);
            layer.visit(visitor);
            visitor.exit_module(name, CONTAINER);
        }
    }

    fn map<Mapper: ModuleMapper>(self, mapper: &mut Mapper) -> Self {
        Self {
            children: self
                .children
                .into_iter()
                .map(|(name, layer)| {
                    mapper.enter_module(&name, CONTAINER);
                    let layer = layer.map(mapper);
                    mapper.exit_module(&name, CONTAINER);
                    (name, layer)
                })
                .collect(),
        }
    }
}

impl ModuleDisplayDefault for Sequence {
    fn content(&self, content: Content) -> Option<Content> {
        self.children
            .iter()
            .fold(content, |content, (name, layer)| content.add(name, layer))
            .set_top_level_type("Sequence")
            .optional()
    }
}

impl ModuleDisplay for Sequence {}
