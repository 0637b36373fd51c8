//! Whole modules that were saved: `torch.save(model, path)`.

use std::collections::BTreeSet;

use crate::error::excerpt;
use crate::limits::{ATTRIBUTES_MAX, DEPTH_MAX, MODULES_MAX};
use crate::state_dict::WEIGHT_KEYS;
use crate::{PytorchError, SavedTensor, Value};

/// A layer or a network of layers, as it was saved: its class, its attributes, the modules within.
#[derive(Debug, Clone)]
pub struct Module<'f> {
    value: Value<'f>,
    class: &'f str,
    children: Vec<(&'f str, Module<'f>)>,
}

impl<'f> Module<'f> {
    /// The module that `value` is, or that lies in it under one of the usual names.
    pub(crate) fn find(value: Value<'f>) -> Result<Option<Self>, PytorchError> {
        let candidates = std::iter::once(value)
            .chain(WEIGHT_KEYS.iter().filter_map(|key| value.get(key)))
            .find(|candidate| is_module(*candidate));
        candidates
            .map(|value| Self::read(value, DEPTH_MAX, &mut { MODULES_MAX }))
            .transpose()
    }

    fn read(
        value: Value<'f>,
        depth_left: usize,
        modules_left: &mut usize,
    ) -> Result<Self, PytorchError> {
        let depth_left = depth_left.checked_sub(1).ok_or_else(|| {
            PytorchError::Unsupported(format!("its modules lie more than {DEPTH_MAX} deep"))
        })?;
        *modules_left = modules_left.checked_sub(1).ok_or_else(|| {
            PytorchError::Unsupported(format!("it has more than {MODULES_MAX} modules"))
        })?;
        let class = value
            .class()
            .ok_or_else(|| PytorchError::damaged("a module", "it has no class"))?;
        let attributes = value.state().as_ref().and_then(Value::entries);
        if attributes.is_some_and(|entries| {
            entries.take(ATTRIBUTES_MAX.saturating_add(1)).count() > ATTRIBUTES_MAX
        }) {
            return Err(PytorchError::Unsupported(format!(
                "a module has more than {ATTRIBUTES_MAX} attributes"
            )));
        }
        let mut children = Vec::new();
        if let Some(modules) = value
            .attribute("_modules")
            .as_ref()
            .and_then(Value::entries)
        {
            for (name, child) in modules {
                // `register_module(name, None)` is allowed.
                if !child.is_none() {
                    children.push((name, Self::read(child, depth_left, modules_left)?));
                }
            }
        }
        Ok(Self {
            value,
            class,
            children,
        })
    }

    /// The class, e.g. `torch.nn.modules.conv.Conv2d`.
    pub fn class(&self) -> &'f str {
        self.class
    }

    /// An attribute, e.g. `stride`.
    pub fn attribute(&self, name: &str) -> Option<Value<'f>> {
        self.value.attribute(name)
    }

    /// The modules within, under their names, in the order in which they were registered.
    pub fn children(&self) -> &[(&'f str, Module<'f>)] {
        &self.children
    }

    /// Its own parameters and buffers that belong to its state, under their names.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (&'f str, SavedTensor<'f>)> {
        let value = self.value;
        let entries = move |attribute: &str| {
            let value = value.attribute(attribute);
            value
                .as_ref()
                .and_then(Value::entries)
                .into_iter()
                .flatten()
        };
        let transient: BTreeSet<&str> = self
            .value
            .attribute("_non_persistent_buffers_set")
            .as_ref()
            .and_then(Value::items)
            .into_iter()
            .flatten()
            .filter_map(|name| name.text())
            .collect();
        let buffers = entries("_buffers").filter(move |(name, _)| !transient.contains(name));
        entries("_parameters")
            .chain(buffers)
            .filter_map(|(name, value)| Some((name, value.tensor()?)))
    }

    /// Whether it has a parameter of its own under this name.
    pub fn has_parameter(&self, name: &str) -> bool {
        self.tensors().any(|(own, _)| own == name)
    }

    /// Whether it or a module within has parameters.
    pub fn has_weights(&self) -> bool {
        self.tensors().next().is_some()
            || self.children.iter().any(|(_, child)| child.has_weights())
    }

    /// The class's own name, e.g. `Conv2d`.
    pub fn class_name(&self) -> &'f str {
        self.class.rsplit('.').next().unwrap_or(self.class)
    }

    /// The class for a message.
    pub fn class_excerpt(&self) -> String {
        excerpt(self.class)
    }
}

/// Whether it is an instance that has modules or parameters, as everything of `torch.nn.Module` has.
fn is_module(value: Value<'_>) -> bool {
    value.class().is_some()
        && (value.attribute("_modules").is_some() || value.attribute("_parameters").is_some())
}
