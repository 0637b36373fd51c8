//! The bodies that networks have.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::Input;
use crate::layers::{Convolution, Pass, Sequence};
use crate::sequence::{CrnnBody, RecurrentBody, TextCnnBody};
use crate::tabular::{FtTransformerBody, TabularMlp};
use crate::transformer::{BertBody, Decoder, Gpt2Body, LlamaBody, VitBody};

/// What a network is made of. The variant and its field are no part of the names of parameters.
#[derive(Module, Debug)]
pub(crate) enum Body {
    /// A Transformer encoder of tokens.
    Bert(BertBody),
    /// Convolutions and recurrent layers over a spectrogram.
    Crnn(CrnnBody),
    /// A Transformer encoder of the columns of a row of a table.
    FtTransformer(FtTransformerBody),
    /// A Transformer decoder of GPT-2's kind.
    Gpt2(Gpt2Body),
    /// Layers in sequence, from an image on.
    Layers(Sequence),
    /// A Transformer decoder of Llama's kind.
    Llama(LlamaBody),
    /// Recurrent layers over tokens or rows.
    Recurrent(RecurrentBody),
    /// A perceptron on rows of a table.
    TabularMlp(TabularMlp),
    /// Convolutions over tokens.
    TextCnn(TextCnnBody),
    /// A Transformer encoder of the patches of an image.
    Vit(VitBody),
}

impl Body {
    /// Outputs of a batch; their shape is the network's matter.
    pub(crate) fn forward(&self, input: Input, pass: Pass) -> Tensor<2> {
        match self {
            Self::Bert(body) => body.forward(&input.into_tokens(), pass),
            Self::Crnn(body) => body.forward(input.into_images(), pass),
            Self::FtTransformer(body) => body.forward(input.into_rows(), pass),
            Self::Gpt2(body) => body.forward(&input.into_tokens(), pass),
            Self::Layers(layers) => layers.forward(input.into_images(), pass).flatten(1, 3),
            Self::Llama(body) => body.forward(&input.into_tokens(), pass),
            Self::Recurrent(body) => body.forward(input, pass),
            Self::TabularMlp(body) => body.forward(input.into_rows(), pass),
            Self::TextCnn(body) => body.forward(input.into_tokens(), pass),
            Self::Vit(body) => body.forward(input.into_images(), pass),
        }
    }

    /// The language model that it is.
    pub(crate) fn decoder(&self) -> Option<&dyn Decoder> {
        match self {
            Self::Gpt2(body) => Some(body),
            Self::Llama(body) => Some(body),
            Self::Bert(_)
            | Self::Crnn(_)
            | Self::FtTransformer(_)
            | Self::Layers(_)
            | Self::Recurrent(_)
            | Self::TabularMlp(_)
            | Self::TextCnn(_)
            | Self::Vit(_) => None,
        }
    }

    /// How many times it gives its outputs for an example: at each step of a recording, or once.
    pub(crate) fn steps(&self) -> usize {
        match self {
            Self::Crnn(body) => body.steps(),
            Self::Bert(_)
            | Self::FtTransformer(_)
            | Self::Gpt2(_)
            | Self::Layers(_)
            | Self::Llama(_)
            | Self::Recurrent(_)
            | Self::TabularMlp(_)
            | Self::TextCnn(_)
            | Self::Vit(_) => 1,
        }
    }

    /// Every convolution of two dimensions with the name of its module.
    pub(crate) fn convolutions(&self, found: &mut Vec<(String, Convolution)>) {
        match self {
            Self::Crnn(body) => body.convolutions(found),
            Self::Layers(layers) => layers.convolutions("", found),
            Self::Bert(_)
            | Self::FtTransformer(_)
            | Self::Gpt2(_)
            | Self::Llama(_)
            | Self::Recurrent(_)
            | Self::TabularMlp(_)
            | Self::TextCnn(_)
            | Self::Vit(_) => {}
        }
    }
}
