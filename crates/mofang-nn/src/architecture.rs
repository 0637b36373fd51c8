//! What an architecture is, and the list of those that there are.

use std::fmt;

use burn::tensor::Device;
use mofang_types::{ArchitectureSpec, ModelInput, closest};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cnn::{Lenet, MobilenetV2, Resnet, Sequential, SimpleCnn, Squeezenet};
use crate::sequence::{Crnn, Recurrent, TextCnn};
use crate::tabular::{FtTransformer, Mlp};
use crate::transformer::{Bert, Gpt2, Llama, Vit};
use crate::{Network, NetworkSpec, NnError, WeightShapes};

/// One option of an architecture's configuration, for help texts and schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionSpec {
    /// The key.
    pub name: &'static str,
    /// The type and range of its value, for people.
    pub kind: &'static str,
    /// The value that an absent key stands for, as it would be written in a recipe.
    pub default: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
}

/// The weights that a network begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Fresh ones, which are a function of this seed.
    Seed(u64),
    /// Zeros, at no cost: they are to be replaced by those of a file.
    Zeros,
}

/// A family of graphs, of which a configuration selects one.
pub trait Architecture: fmt::Debug + Send + Sync {
    /// The name in recipes and manifests.
    fn name(&self) -> &'static str;

    /// What it is, in one line.
    fn summary(&self) -> &'static str;

    /// The keys of its configuration.
    fn options(&self) -> &'static [OptionSpec];

    /// The network of this specification with the weights that `start` says.
    ///
    /// # Errors
    /// When the configuration has unknown keys or impossible values, or does not fit the input.
    fn build(&self, spec: &NetworkSpec, start: Start, device: &Device) -> Result<Network, NnError>;

    /// Which of its networks weights belong to, by their names and shapes, with inputs of the usual
    /// size: a look at what only this architecture has, which loading proves. None for weights of
    /// another architecture, and where names and shapes do not tell enough.
    fn recognize(&self, weights: &WeightShapes) -> Option<NetworkSpec>;
}

/// Every architecture, alphabetically.
pub fn all() -> &'static [&'static dyn Architecture] {
    &[
        &Bert,
        &Crnn,
        &FtTransformer,
        &Gpt2,
        &Lenet,
        &Llama,
        &Mlp,
        &MobilenetV2,
        &Recurrent,
        &Resnet,
        &Sequential,
        &SimpleCnn,
        &Squeezenet,
        &TextCnn,
        &Vit,
    ]
}

/// The architecture of this name.
///
/// # Errors
/// When there is none; the message says what could have been meant.
pub fn find(name: &str) -> Result<&'static dyn Architecture, NnError> {
    all()
        .iter()
        .copied()
        .find(|architecture| architecture.name() == name)
        .ok_or_else(|| NnError::UnknownArchitecture {
            name: name.chars().take(80).collect(),
            hint: hint(name, all().iter().map(|architecture| architecture.name())),
        })
}

/// The network that weights belong to, by their names and shapes, with inputs of the usual size;
/// that they fit is proved by loading them.
pub fn recognize(weights: &WeightShapes) -> Option<NetworkSpec> {
    let found = all()
        .iter()
        .find_map(|architecture| architecture.recognize(weights));
    found.or_else(|| recognize(&weights.unwrapped()?))
}

/// A specification from its parts; the configuration is a plain value, which JSON has a form for.
pub(crate) fn recognized(
    architecture: &dyn Architecture,
    config: Value,
    image_shape: [usize; 3],
    classes: usize,
) -> NetworkSpec {
    recognized_for(
        architecture,
        config,
        ModelInput::image(image_shape),
        classes,
    )
}

/// As [`recognized`], for any input.
pub(crate) fn recognized_for(
    architecture: &dyn Architecture,
    config: Value,
    input: ModelInput,
    outputs: usize,
) -> NetworkSpec {
    NetworkSpec {
        architecture: ArchitectureSpec {
            name: architecture.name().to_owned(),
            config,
        },
        input,
        outputs,
    }
}

/// The architecture's configuration as its own type; `null` stands for the defaults.
pub(crate) fn parse_config<T: DeserializeOwned>(
    architecture: &dyn Architecture,
    config: &Value,
) -> Result<T, NnError> {
    let empty = Value::Object(serde_json::Map::new());
    let config = if config.is_null() { &empty } else { config };
    // A list would be taken for a table whose values come in order.
    let Some(table) = config.as_object() else {
        return Err(NnError::InvalidOption {
            architecture: architecture.name(),
            reason: "its configuration is not a table".to_owned(),
        });
    };
    let names = || architecture.options().iter().map(|option| option.name);
    if let Some(key) = table.keys().find(|key| names().all(|name| name != *key)) {
        return Err(NnError::UnknownOption {
            architecture: architecture.name(),
            key: key.chars().take(80).collect(),
            hint: hint(key, names()),
        });
    }
    T::deserialize(config).map_err(|error| NnError::InvalidOption {
        architecture: architecture.name(),
        reason: error.to_string(),
    })
}

fn hint<'a>(text: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(candidate) = closest(text, candidates.clone()) {
        return format!("did you mean \"{candidate}\"?");
    }
    let names: Vec<&str> = candidates.collect();
    if names.is_empty() {
        "it has no options".to_owned()
    } else {
        format!("there is {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_alphabetical() {
        let names: Vec<&str> = all().iter().map(|item| item.name()).collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn an_unknown_name_or_key_is_refused_with_a_suggestion() {
        assert_eq!(
            find("resnat").unwrap_err().to_string(),
            "unknown architecture \"resnat\"; did you mean \"resnet\"?"
        );
        let error = parse_config::<Value>(&Resnet, &serde_json::json!({"dept": 20})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "architecture \"resnet\" has no option \"dept\"; did you mean \"depth\"?"
        );
    }
}
