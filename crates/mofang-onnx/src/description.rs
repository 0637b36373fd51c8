//! What a model says of itself.

use std::fmt;

use crate::ElementType;

/// What a model says of itself, without its weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDescription {
    /// The version of the file format.
    pub ir_version: i64,
    /// The sets of operators that it uses.
    pub opset_imports: Vec<OpsetImport>,
    /// The tool that wrote it, e.g. `pytorch`.
    pub producer_name: String,
    /// The version of that tool.
    pub producer_version: String,
    /// What its producer added: keys and values.
    pub metadata: Vec<(String, String)>,
    /// What goes in: the inputs of the graph without those that have a value in the file.
    pub inputs: Vec<ValueDescription>,
    /// What comes out.
    pub outputs: Vec<ValueDescription>,
    /// How often each operator is used, nested graphs included, by domain and name.
    pub operators: Vec<OperatorCount>,
    /// Elements of all initializers.
    pub parameters: u64,
    /// Names of the functions that the model defines itself, `domain.name`.
    pub functions: Vec<String>,
}

impl ModelDescription {
    /// The version of the set of operators of `domain`; the standard one is `""`.
    pub fn opset_version(&self, domain: &str) -> Option<i64> {
        self.opset_imports
            .iter()
            .find(|import| import.domain == domain)
            .map(|import| import.version)
    }
}

/// A set of operators and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpsetImport {
    /// The domain; the standard one is `""`.
    pub domain: String,
    /// The version.
    pub version: i64,
}

/// An operator and how many nodes use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorCount {
    /// The domain; the standard one is `""`.
    pub domain: String,
    /// The name, e.g. `Conv`.
    pub name: String,
    /// Nodes that use it.
    pub nodes: usize,
}

/// The name, type and shape of an input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueDescription {
    /// The name.
    pub name: String,
    /// Tensor or not.
    pub kind: ValueKind,
}

/// What kind of value an input or output is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueKind {
    /// A tensor.
    Tensor {
        /// The type of its elements.
        element_type: ElementType,
        /// Its dimensions; `None` when the model does not say how many there are.
        shape: Option<Vec<Dimension>>,
    },
    /// Something that is not a tensor, by the specification's word for it, e.g. `sequence`.
    Other(&'static str),
    /// The model does not say.
    Unknown,
}

/// One dimension of a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Exactly this size.
    Fixed(usize),
    /// Any size; dimensions of the same name have the same one.
    Named(String),
    /// Any size.
    Unknown,
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Named(name) => f.write_str(name),
            Self::Unknown => f.write_str("?"),
        }
    }
}
