//! `NodeProto`: one operator and what it reads and makes.

use super::attribute::Attribute;
use super::graph::Graph;
use super::reader::Reader;
use super::tensor::FileTensor;
use crate::OnnxError;
use crate::error::excerpt;
use crate::limits::NAME_BYTES_MAX;
use crate::wire::Message;

/// A node of a graph.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    /// The message as it is in the file.
    pub(crate) bytes: &'a [u8],
    pub(crate) name: &'a str,
    pub(crate) operator: &'a str,
    /// The standard domain is `""`, also where the file writes `ai.onnx`.
    pub(crate) domain: &'a str,
    /// The values it reads; `""` for one that is left out.
    pub(crate) inputs: Vec<&'a str>,
    /// The values it makes; `""` for one that is left out.
    pub(crate) outputs: Vec<&'a str>,
    /// Graphs within it, such as the branches of `If`.
    pub(crate) graphs: Vec<Graph<'a>>,
    /// The tensor in its attributes, which for `Constant` is what it makes.
    pub(crate) tensor: Option<FileTensor<'a>>,
}

impl<'a> Node<'a> {
    pub(crate) fn read(
        bytes: &'a [u8],
        depth: usize,
        reader: &mut Reader,
    ) -> Result<Self, OnnxError> {
        let mut node = Self {
            bytes,
            name: "",
            operator: "",
            domain: "",
            inputs: Vec::new(),
            outputs: Vec::new(),
            graphs: Vec::new(),
            tensor: None,
        };
        let mut attributes: Vec<&str> = Vec::new();
        let mut message = Message::new(bytes, "a node");
        while let Some(field) = message.next()? {
            match field.number {
                1 => node.inputs.push(reader.name(&field, "a node")?),
                2 => node.outputs.push(reader.name(&field, "a node")?),
                3 => node.name = reader.name(&field, "a node")?,
                4 => node.operator = reader.name(&field, "a node")?,
                5 => {
                    let attribute = Attribute::read(reader.bytes(&field)?, depth, reader)?;
                    attributes.push(attribute.name);
                    node.graphs.extend(attribute.graphs);
                    node.tensor = attribute.tensor.or(node.tensor);
                }
                7 => node.domain = standard(reader.name(&field, "a node")?),
                _ => {}
            }
        }
        if node.operator.is_empty() {
            return Err(OnnxError::Graph(format!(
                "{} has no operator",
                node.title()
            )));
        }
        attributes.sort_unstable();
        if let Some([twice, _]) = attributes
            .array_windows::<2>()
            .find(|[first, second]| first == second)
        {
            return Err(OnnxError::Graph(format!(
                "{} has the attribute \"{}\" twice",
                node.title(),
                excerpt(twice)
            )));
        }
        Ok(node)
    }

    /// How messages call it: by its name, or else by what it makes.
    pub(crate) fn title(&self) -> String {
        debug_assert!(self.name.len() <= NAME_BYTES_MAX, "names are bounded");
        let name = if self.name.is_empty() {
            self.outputs.first().copied().unwrap_or_default()
        } else {
            self.name
        };
        format!("node \"{}\" ({})", excerpt(name), excerpt(self.operator))
    }
}

/// The standard domain has two names.
pub(crate) fn standard(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}
