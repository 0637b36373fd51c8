//! A model in memory: read whole, checked, and nothing of its weights copied.

mod attribute;
mod check;
mod graph;
mod model;
mod node;
mod reader;
mod tensor;
mod value;

pub(crate) use attribute::AttributeValue;
pub(crate) use graph::Graph;
pub use model::OnnxFile;
pub(crate) use node::Node;
pub(crate) use reader::Reader;
