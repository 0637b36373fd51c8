//! Recurrent layers one over the other, each in one or both directions.

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
    Param,
};
use burn::tensor::{Device, Tensor};

use super::{Dropout, Pass};
use crate::kernels::{RecurrentKind, RecurrentWeights, recurrent};

/// `torch.nn.LSTM` or `torch.nn.GRU` with `batch_first`, without a first state, over sequences that end each
/// at its own length.
///
/// The names of its parameters carry layer and direction (`weight_ih_l0_reverse`), which burn's own containers
/// cannot give.
#[derive(Debug, Clone)]
pub(crate) struct Recurrent {
    pub(crate) kind: RecurrentKind,
    pub(crate) layers: Vec<RecurrentLayer>,
}

/// One layer.
#[derive(Debug, Clone)]
pub(crate) struct RecurrentLayer {
    pub(crate) forward: Direction,
    pub(crate) reverse: Option<Direction>,
    /// Of what the next layer is given.
    pub(crate) dropout: Option<Dropout>,
}

/// The parameters of one direction of a layer, with as many gates as the kind has.
#[derive(Debug, Clone)]
pub(crate) struct Direction {
    /// `[gates · hidden, features]`
    pub(crate) weight_ih: Param<Tensor<2>>,
    /// `[gates · hidden, hidden]`
    pub(crate) weight_hh: Param<Tensor<2>>,
    /// `[gates · hidden]`
    pub(crate) bias_ih: Param<Tensor<1>>,
    /// `[gates · hidden]`
    pub(crate) bias_hh: Param<Tensor<1>>,
}

impl Recurrent {
    /// `[batch, time, features]` to `[batch, time, directions · hidden]`, with zeros behind each sequence's end.
    pub(crate) fn forward(&self, input: Tensor<3>, lengths: &[usize], pass: Pass) -> Tensor<3> {
        let mut value = input;
        for layer in &self.layers {
            let ahead = self.one_way(&layer.forward, value.clone(), lengths, false);
            value = match &layer.reverse {
                None => ahead,
                Some(reverse) => {
                    let back = self.one_way(reverse, value, lengths, true);
                    Tensor::cat(vec![ahead, back], 2)
                }
            };
            if let Some(dropout) = &layer.dropout {
                value = dropout.forward(value, pass);
            }
        }
        value
    }

    fn one_way(
        &self,
        direction: &Direction,
        input: Tensor<3>,
        lengths: &[usize],
        is_reversed: bool,
    ) -> Tensor<3> {
        let weights = RecurrentWeights {
            input: direction.weight_ih.val(),
            hidden: direction.weight_hh.val(),
            input_bias: direction.bias_ih.val(),
            hidden_bias: direction.bias_hh.val(),
        };
        recurrent(self.kind, input, weights, lengths, is_reversed)
    }

    fn directions(&self) -> impl Iterator<Item = (String, &Direction)> {
        self.layers.iter().enumerate().flat_map(|(index, layer)| {
            let forward = (format!("l{index}"), &layer.forward);
            let reverse = layer.reverse.as_ref();
            let reverse = reverse.map(|reverse| (format!("l{index}_reverse"), reverse));
            std::iter::once(forward).chain(reverse)
        })
    }

    /// Every direction changed, each with the end of its parameters' names.
    fn map_directions(self, mut change: impl FnMut(&str, Direction) -> Direction) -> Self {
        let layers = self.layers.into_iter().enumerate();
        Self {
            kind: self.kind,
            layers: layers
                .map(|(index, layer)| RecurrentLayer {
                    forward: change(&format!("l{index}"), layer.forward),
                    reverse: layer
                        .reverse
                        .map(|reverse| change(&format!("l{index}_reverse"), reverse)),
                    dropout: layer.dropout,
                })
                .collect(),
        }
    }

    fn each_direction(self, change: impl Fn(Direction) -> Direction) -> Self {
        self.map_directions(|_, direction| change(direction))
    }
}

impl Direction {
    /// Each parameter changed by one of the two functions.
    fn each(
        self,
        mut matrix: impl FnMut(&str, Param<Tensor<2>>) -> Param<Tensor<2>>,
        mut vector: impl FnMut(&str, Param<Tensor<1>>) -> Param<Tensor<1>>,
    ) -> Self {
        Self {
            weight_ih: matrix("weight_ih", self.weight_ih),
            weight_hh: matrix("weight_hh", self.weight_hh),
            bias_ih: vector("bias_ih", self.bias_ih),
            bias_hh: vector("bias_hh", self.bias_hh),
        }
    }
}

/// The container's type as traversals are told.
const CONTAINER: &str = "Struct:Recurrent";

fn visit_one<M: Module, V: ModuleVisitor>(visitor: &mut V, name: &str, end: &str, parameter: &M) {
    let name = format!("{name}_{end}");
    visitor.enter_module(&name, CONTAINER);
    parameter.visit(visitor);
    visitor.exit_module(&name, CONTAINER);
}

fn map_one<M: Module, P: ModuleMapper>(mapper: &mut P, name: &str, end: &str, parameter: M) -> M {
    let name = format!("{name}_{end}");
    mapper.enter_module(&name, CONTAINER);
    let parameter = parameter.map(mapper);
    mapper.exit_module(&name, CONTAINER);
    parameter
}

impl Module for Recurrent {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.directions().fold(devices, |devices, (_, direction)| {
            let devices = direction.weight_ih.collect_devices(devices);
            let devices = direction.weight_hh.collect_devices(devices);
            let devices = direction.bias_ih.collect_devices(devices);
            direction.bias_hh.collect_devices(devices)
        })
    }

    fn fork(self, device: &Device) -> Self {
        self.each_direction(|it| it.each(|_, p| p.fork(device), |_, p| p.fork(device)))
    }

    fn to_device(self, device: &Device) -> Self {
        self.each_direction(|it| it.each(|_, p| p.to_device(device), |_, p| p.to_device(device)))
    }

    fn train(self) -> Self {
        self.each_direction(|it| it.each(|_, p| p.train(), |_, p| p.train()))
    }

    fn valid(&self) -> Self {
        self.clone()
            .each_direction(|it| it.each(|_, p| p.valid(), |_, p| p.valid()))
    }

    fn materialize(self) -> Self {
        self.each_direction(|it| it.each(|_, p| p.materialize(), |_, p| p.materialize()))
    }

    fn visit<Visitor: ModuleVisitor>(&self, visitor: &mut Visitor) {
        for (end, direction) in self.directions() {
            visit_one(visitor, "weight_ih", &end, &direction.weight_ih);
            visit_one(visitor, "weight_hh", &end, &direction.weight_hh);
            visit_one(visitor, "bias_ih", &end, &direction.bias_ih);
            visit_one(visitor, "bias_hh", &end, &direction.bias_hh);
        }
    }

    fn map<Mapper: ModuleMapper>(self, mapper: &mut Mapper) -> Self {
        self.map_directions(|end, direction| Direction {
            weight_ih: map_one(mapper, "weight_ih", end, direction.weight_ih),
            weight_hh: map_one(mapper, "weight_hh", end, direction.weight_hh),
            bias_ih: map_one(mapper, "bias_ih", end, direction.bias_ih),
            bias_hh: map_one(mapper, "bias_hh", end, direction.bias_hh),
        })
    }
}

impl ModuleDisplayDefault for Recurrent {
    fn content(&self, content: Content) -> Option<Content> {
        content
            .set_top_level_type("Recurrent")
            .add_formatted(&format!("{:?}", self.kind))
            .optional()
    }
}

impl ModuleDisplay for Recurrent {}
