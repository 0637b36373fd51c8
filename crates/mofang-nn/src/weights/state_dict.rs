//! Weights under their names, wherever they came from, and how a network takes them.

use std::collections::{BTreeMap, BTreeSet};

use mofang_types::Tensor;

use super::weight_shapes::wrapper_prefix;
use super::{LoadReport, MisShaped, Strictness, WeightShapes};
use crate::{Network, NnError};

/// PyTorch's counter in each batch normalization. No computation of ours uses it: it is written so
/// that a strict `load_state_dict` finds it, and not asked for.
pub(super) const BATCH_COUNTER: &str = ".num_batches_tracked";

/// The numbers 0, 1, 2, … that BERT keeps beside its weights.
const POSITIONS: &str = "position_ids";

/// What older checkpoints of GPT-2 and Llama keep beside their weights: a score that hides, and the angles of
/// positions.
const DECODER_BUFFERS: [&str; 2] = [".attn.masked_bias", ".rotary_emb.inv_freq"];

/// Whether a tensor of this name and shape is no weight.
pub(super) fn is_no_weight(name: &str, shape: &[usize]) -> bool {
    // GPT-2's mask `[1, 1, positions, positions]` has the name that a linear layer's bias could have.
    let is_mask = name.ends_with(".attn.bias") && shape.len() == 4;
    is_mask
        || name.ends_with(BATCH_COUNTER)
        || name.rsplit('.').next() == Some(POSITIONS)
        || DECODER_BUFFERS.iter().any(|buffer| name.ends_with(buffer))
}

/// Prefixes that a network within a larger one gives to its own names: `BertForSequenceClassification` has the
/// encoder's parameters under `bert.`, and `BertModel` without it; so have GPT-2, Llama and `ViT`.
pub(crate) const BASE_PREFIXES: &[&str] = &["bert.", "model.", "transformer.", "vit."];

/// Weights under their PyTorch names, in PyTorch's layouts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateDict {
    tensors: BTreeMap<String, Tensor>,
}

impl StateDict {
    /// These tensors, without counters and other buffers that are no weights.
    pub fn new(tensors: impl IntoIterator<Item = (String, Tensor)>) -> Self {
        Self {
            tensors: tensors
                .into_iter()
                .filter(|(name, tensor)| !is_no_weight(name, tensor.shape()))
                .collect(),
        }
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The tensors under their names, in order.
    pub fn into_tensors(self) -> impl Iterator<Item = (String, Tensor)> {
        self.tensors.into_iter()
    }

    /// The names and shapes.
    pub fn shapes(&self) -> WeightShapes {
        let tensors = self.tensors.iter();
        WeightShapes::new(tensors.map(|(name, tensor)| (name.clone(), tensor.shape().to_vec())))
    }

    /// Gives a tensor this name, when there is none of it and one with or without the prefix of a base network.
    fn rename_to(&mut self, name: &str) {
        if self.tensors.contains_key(name) {
            return;
        }
        let mut others = BASE_PREFIXES.iter().flat_map(|prefix| {
            let without = name.strip_prefix(prefix).map(str::to_owned);
            without.into_iter().chain([format!("{prefix}{name}")])
        });
        let found = others.find_map(|other| self.tensors.remove(&other));
        if let Some(tensor) = found {
            self.tensors.insert(name.to_owned(), tensor);
        }
    }

    /// Leaves out the prefix of a wrapper; whether every name had the same one.
    fn unwrap_names(&mut self) -> bool {
        let Some(prefix) = wrapper_prefix(&self.names()) else {
            return false;
        };
        self.tensors = std::mem::take(&mut self.tensors)
            .into_iter()
            .map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor))
            .collect();
        true
    }
}

impl Network {
    /// Takes the weights of a state dictionary. Where none of its names is one of the network's and
    /// all begin with the prefix of a wrapper, such as `module.`, that is left out.
    ///
    /// # Errors
    /// With [`Strictness::Exact`], when names or shapes differ from the network's; the message names
    /// them.
    pub fn load_state(
        self,
        mut state: StateDict,
        strictness: Strictness,
    ) -> Result<(Self, LoadReport), NnError> {
        let parameters = self.parameters();
        let knows_none = |state: &StateDict| {
            parameters
                .iter()
                .all(|parameter| state.get(&parameter.name).is_none())
        };
        while knows_none(&state) && state.unwrap_names() {}

        for parameter in &parameters {
            state.rename_to(&parameter.name);
        }

        let mut report = LoadReport::default();
        let mut accepted = BTreeSet::new();
        for parameter in parameters {
            match state.get(&parameter.name).map(Tensor::shape) {
                None => report.missing.push(parameter.name),
                Some(shape) if shape != parameter.shape => {
                    report.mis_shaped.push(MisShaped {
                        expected: parameter.shape,
                        actual: shape.to_vec(),
                        name: parameter.name.clone(),
                    });
                    state.tensors.remove(&parameter.name);
                }
                Some(_) => {
                    accepted.insert(parameter.name);
                }
            }
        }
        report.loaded = accepted.len();
        report.unexpected = state
            .names()
            .filter(|name| !accepted.contains(*name))
            .map(str::to_owned)
            .collect();
        if strictness == Strictness::Exact && !report.is_exact() {
            return Err(NnError::WeightsDoNotFit(report.to_string()));
        }
        let network =
            self.replace_values(&mut |name| state.tensors.remove(name).map(Tensor::into_data));
        Ok((network, report))
    }
}
