//! The bodies that networks have.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::Input;
use crate::layers::{Convolution, Pass, Sequence};
use crate::tabular::TabularMlp;

/// What a network is made of. The variant and its field are no part of the names of parameters.
#[derive(Module, Debug)]
pub(crate) enum Body {
    /// Layers in sequence, from an image on.
    Layers(Sequence),
    /// A perceptron on rows of a table.
    TabularMlp(TabularMlp),
}

impl Body {
    /// Outputs of a batch; their shape is the network's matter.
    pub(crate) fn forward(&self, input: Input, pass: Pass) -> Tensor<2> {
        match self {
            Self::Layers(layers) => layers.forward(input.into_images(), pass).flatten(1, 3),
            Self::TabularMlp(body) => body.forward(input.into_rows(), pass),
        }
    }

    /// Every convolution of two dimensions with the name of its module.
    pub(crate) fn convolutions(&self, found: &mut Vec<(String, Convolution)>) {
        match self {
            Self::Layers(layers) => layers.convolutions("", found),
            Self::TabularMlp(_) => {}
        }
    }
}
