//! The names and shapes of weights: what an architecture is recognized by.

use std::collections::BTreeMap;

use super::state_dict::is_no_weight;

/// What wrappers put before every name: `DataParallel`, `torch.compile`, and classes that hold the
/// network in an attribute.
const WRAPPER_PREFIXES: &[&str] = &["module.", "_orig_mod.", "model.", "network.", "net."];

/// The prefix of a wrapper that every name has.
pub(super) fn wrapper_prefix<'a>(
    names: &(impl Iterator<Item = &'a str> + Clone),
) -> Option<&'static str> {
    names.clone().next()?;
    WRAPPER_PREFIXES
        .iter()
        .copied()
        .find(|prefix| names.clone().all(|name| name.starts_with(prefix)))
}

/// The names and shapes of weights, without their values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WeightShapes {
    shapes: BTreeMap<String, Vec<usize>>,
}

impl WeightShapes {
    /// These, without counters and other buffers that are no weights.
    pub fn new(shapes: impl IntoIterator<Item = (String, Vec<usize>)>) -> Self {
        Self {
            shapes: shapes
                .into_iter()
                .filter(|(name, shape)| !is_no_weight(name, shape))
                .collect(),
        }
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.shapes.keys().map(String::as_str)
    }

    /// The shape under this name.
    pub fn get(&self, name: &str) -> Option<&[usize]> {
        self.shapes.get(name).map(Vec::as_slice)
    }

    /// The shape under this name, when it has `D` dimensions.
    pub(crate) fn dims<const D: usize>(&self, name: &str) -> Option<[usize; D]> {
        self.get(name)?.try_into().ok()
    }

    /// How many of `prefix.0.suffix`, `prefix.1.suffix`, … there are from 0 on.
    pub(crate) fn count(&self, prefix: &str, suffix: &str) -> usize {
        (0..self.shapes.len())
            .take_while(|index| self.get(&format!("{prefix}.{index}.{suffix}")).is_some())
            .count()
    }

    /// Without the prefix of a wrapper, when every name has the same one.
    pub(crate) fn unwrapped(&self) -> Option<Self> {
        let prefix = wrapper_prefix(&self.names())?;
        let shapes = self.shapes.iter();
        Some(Self {
            shapes: shapes
                .map(|(name, shape)| (name[prefix.len()..].to_owned(), shape.clone()))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(names: &[&str]) -> WeightShapes {
        WeightShapes::new(names.iter().map(|name| ((*name).to_owned(), vec![])))
    }

    #[test]
    fn a_wrappers_prefix_is_one_that_every_name_has() {
        let wrapped = shapes(&["module.a.weight", "module.b.weight"]);
        assert_eq!(wrapped.unwrapped(), Some(shapes(&["a.weight", "b.weight"])));
        let compiled = shapes(&["_orig_mod.a", "_orig_mod.b"]);
        assert_eq!(compiled.unwrapped(), Some(shapes(&["a", "b"])));
        assert_eq!(shapes(&["module.a.weight", "b.weight"]).unwrapped(), None);
        assert_eq!(shapes(&["b", "module.a.weight"]).unwrapped(), None);
        assert_eq!(shapes(&[]).unwrapped(), None);
    }

    #[test]
    fn counters_are_left_out_and_blocks_are_counted() {
        let shapes = shapes(&["l.0.w", "l.1.w", "l.3.w", "bn.num_batches_tracked"]);
        assert_eq!(shapes.names().count(), 3);
        assert_eq!(shapes.count("l", "w"), 2);
    }

    #[test]
    fn what_decoders_keep_beside_their_weights_is_left_out() {
        let of = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
        let shapes = WeightShapes::new([
            of("h.0.attn.bias", &[1, 1, 8, 8]),
            of("h.0.attn.c_attn.bias", &[12]),
            of("h.0.attn.masked_bias", &[]),
            of("layers.0.self_attn.rotary_emb.inv_freq", &[4]),
            of("mixer.attn.bias", &[12]),
        ]);
        let names: Vec<&str> = shapes.names().collect();
        assert_eq!(names, ["h.0.attn.c_attn.bias", "mixer.attn.bias"]);
    }
}
