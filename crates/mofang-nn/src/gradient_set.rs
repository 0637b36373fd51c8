//! The gradients of a step, where they lie.

use std::collections::BTreeMap;

use crate::kernels::Held;

/// The gradient of every parameter that has one, by name; read where it lies, without a copy.
#[derive(Debug, Clone, Default)]
pub struct GradientSet {
    gradients: BTreeMap<String, Held>,
}

impl GradientSet {
    pub(crate) fn insert(&mut self, name: String, gradient: Held) {
        self.gradients.insert(name, gradient);
    }

    /// The gradient by the parameter of this name, in its order.
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        self.gradients.get(name).map(Held::as_slice)
    }

    /// Every gradient, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f32])> {
        let gradients = self.gradients.iter();
        gradients.map(|(name, gradient)| (name.as_str(), gradient.as_slice()))
    }

    /// Gives their memory back, to be used again by the next step.
    pub fn recycle(self) {
        self.gradients.into_values().for_each(Held::recycle);
    }
}
