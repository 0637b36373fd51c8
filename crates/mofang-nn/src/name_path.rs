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
