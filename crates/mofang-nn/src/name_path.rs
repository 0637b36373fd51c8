//! The PyTorch name of a parameter, from the path on which burn's traversals meet it.

/// Follows a traversal and knows the name of what it has come to.
///
/// Fields and children of sequences are parts of a name; an enum's variant, the root and the body
/// of a residual block are not, as PyTorch has no module there.
#[derive(Debug, Default)]
pub(crate) struct NamePath {
    parts: Vec<String>,
}

impl NamePath {
    /// Goes down into `name` of `container`, both as burn's traversals give them.
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        if is_named(name, container) {
            // `self` is a name in PyTorch and cannot be one of a field here.
            self.parts.push(name.trim_end_matches('_').to_owned());
        }
    }

    /// Comes back up.
    pub(crate) fn exit(&mut self, name: &str, container: &str) {
        if is_named(name, container) {
            self.parts.pop();
        }
    }

    /// The name, e.g. `layer1.0.conv1.weight`.
    pub(crate) fn name(&self) -> String {
        self.parts.join(".")
    }
}

fn is_named(name: &str, container: &str) -> bool {
    let is_inner = name == "body" && matches!(container, "Struct:Network" | "Struct:Residual");
    !(container.starts_with("Enum:") || is_inner)
}

/// Whether the parameter of this name is state that no optimizer touches.
pub(crate) fn is_buffer(name: &str) -> bool {
    name.ends_with(".running_mean") || name.ends_with(".running_var")
}

/// Whether a parameter lies at or below `prefix`, by whole parts of its name. What a network within a larger one
/// is called there may be left out.
pub(crate) fn is_below(name: &str, prefix: &str) -> bool {
    let starts = |name: &str| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let bases = crate::weights::BASE_PREFIXES.iter();
    starts(name) || bases.filter_map(|base| name.strip_prefix(base)).any(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_of_whole_parts() {
        assert!(is_below("encoder.layer.1.weight", "encoder.layer.1"));
        assert!(is_below("bert.encoder.layer.1.weight", "encoder.layer.1"));
        assert!(is_below("bert.encoder.layer.1.weight", "bert.encoder"));
        assert!(is_below("fc.weight", "fc.weight"));
        assert!(!is_below("encoder.layer.10.weight", "encoder.layer.1"));
        assert!(!is_below("layer.encoder.weight", "encoder"));
    }
}
