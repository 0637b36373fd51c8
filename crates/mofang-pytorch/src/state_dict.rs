//! Weights under their names.

use std::collections::BTreeMap;

use crate::error::excerpt;
use crate::limits::{DEPTH_MAX, NAME_BYTES_MAX, TENSORS_MAX};
use crate::{Module, PytorchError, SavedTensor, Value};

/// Where checkpoints keep their weights, most telling first.
pub(crate) const WEIGHT_KEYS: &[&str] = &[
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
];

/// How many dictionaries around the weights are opened.
const WRAPPERS_MAX: usize = 4;

/// Most keys in a message.
const LISTED_MAX: usize = 8;

/// Tensors under their names, as `model.state_dict()` gives them.
#[derive(Debug, Clone)]
pub struct StateDict<'f> {
    /// Where in the file they are, e.g. `model_state_dict`; empty for all of it.
    pub place: String,
    /// The tensors.
    pub tensors: BTreeMap<String, SavedTensor<'f>>,
}

impl<'f> StateDict<'f> {
    /// The weights in `root`: those of a module, or of the dictionary that lies under a name that
    /// checkpoints use for them, or else of all of `root`. Dictionaries within dictionaries give
    /// names with dots.
    ///
    /// # Errors
    /// When there are no tensors; the message says what there is. When there are too many, or their
    /// names are too long.
    pub fn find(root: Value<'f>) -> Result<Self, PytorchError> {
        let mut place = Vec::new();
        let mut value = root;
        while place.len() < WRAPPERS_MAX
            && let Some((key, inner)) = WEIGHT_KEYS.iter().find_map(|key| {
                let inner = value.get(key)?;
                let holds_more = inner.entries().is_some() || inner.class().is_some();
                holds_more.then_some((*key, inner))
            })
        {
            place.push(key);
            value = inner;
        }
        let found = Self::at(place.join("."), value)?;
        if !found.tensors.is_empty() {
            return Ok(found);
        }
        let everything = Self::at(String::new(), root)?;
        if everything.tensors.is_empty() {
            return Err(nothing(root));
        }
        Ok(everything)
    }

    fn at(place: String, value: Value<'f>) -> Result<Self, PytorchError> {
        let mut collector = Collector::default();
        if value.class().is_some() {
            if let Some(module) = Module::find(value)? {
                collector.module(&module, "")?;
            }
        } else {
            collector.dictionary(value, "", DEPTH_MAX)?;
        }
        Ok(Self {
            place,
            tensors: collector.tensors,
        })
    }
}

/// Collects tensors. Objects that hold each other could be descended into without end, so that
/// everything that is looked at is counted.
#[derive(Default)]
struct Collector<'f> {
    tensors: BTreeMap<String, SavedTensor<'f>>,
    seen: usize,
}

impl<'f> Collector<'f> {
    fn name(&mut self, prefix: &str, name: &str) -> Result<String, PytorchError> {
        self.seen = self.seen.saturating_add(1);
        if self.seen > TENSORS_MAX {
            return Err(PytorchError::Unsupported(format!(
                "it holds more than {TENSORS_MAX} tensors and other entries"
            )));
        }
        let length = prefix.len().saturating_add(name.len());
        if length >= NAME_BYTES_MAX {
            return Err(PytorchError::Unsupported(format!(
                "the name \"{}…\" is longer than {NAME_BYTES_MAX} bytes",
                excerpt(name)
            )));
        }
        Ok(if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}.{name}")
        })
    }

    fn module(&mut self, module: &Module<'f>, prefix: &str) -> Result<(), PytorchError> {
        for (name, tensor) in module.tensors() {
            let name = self.name(prefix, name)?;
            self.tensors.insert(name, tensor);
        }
        for (name, child) in module.children() {
            let prefix = self.name(prefix, name)?;
            self.module(child, &prefix)?;
        }
        Ok(())
    }

    fn dictionary(
        &mut self,
        value: Value<'f>,
        prefix: &str,
        depth_left: usize,
    ) -> Result<(), PytorchError> {
        let Some(entries) = value.entries() else {
            return Ok(());
        };
        let depth_left = depth_left.checked_sub(1).ok_or_else(|| {
            PytorchError::Unsupported(format!("its dictionaries lie more than {DEPTH_MAX} deep"))
        })?;
        for (name, value) in entries {
            let name = self.name(prefix, name)?;
            match value.tensor() {
                Some(tensor) => {
                    self.tensors.insert(name, tensor);
                }
                None => self.dictionary(value, &name, depth_left)?,
            }
        }
        Ok(())
    }
}

fn nothing(root: Value<'_>) -> PytorchError {
    let keys: Vec<String> = root
        .entries()
        .into_iter()
        .flatten()
        .take(LISTED_MAX)
        .map(|(key, _)| format!("\"{}\"", excerpt(key)))
        .collect();
    let described = if keys.is_empty() {
        root.kind().to_owned()
    } else {
        format!("a dictionary with {}", keys.join(", "))
    };
    PytorchError::NoWeights(format!(
        "it holds no weights: it is {described}; save them with torch.save(model.state_dict(), path)"
    ))
}
