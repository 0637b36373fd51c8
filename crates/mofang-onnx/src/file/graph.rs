//! `GraphProto`: nodes, the values they begin with, and what goes in and out.

use super::node::Node;
use super::reader::Reader;
use super::tensor::FileTensor;
use super::value::FileValue;
use crate::OnnxError;
use crate::limits::GRAPH_DEPTH_MAX;
use crate::wire::Message;

/// A graph of the file.
#[derive(Debug, Default)]
pub(crate) struct Graph<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) initializers: Vec<FileTensor<'a>>,
    /// Names of the initializers that are given by their positions.
    pub(crate) sparse_initializers: Vec<&'a str>,
    pub(crate) inputs: Vec<FileValue<'a>>,
    pub(crate) outputs: Vec<FileValue<'a>>,
    /// What the file says of the values between, which need not be all of them.
    pub(crate) values: Vec<FileValue<'a>>,
}

impl<'a> Graph<'a> {
    pub(crate) fn read(
        bytes: &'a [u8],
        depth: usize,
        reader: &mut Reader,
    ) -> Result<Self, OnnxError> {
        // The engine reads graphs within graphs by recursion, and so does this.
        if depth > GRAPH_DEPTH_MAX {
            return Err(OnnxError::TooLarge(format!(
                "its graphs lie more than {GRAPH_DEPTH_MAX} deep within each other"
            )));
        }
        let mut graph = Self::default();
        let mut message = Message::new(bytes, "a graph");
        while let Some(field) = message.next()? {
            match field.number {
                1 => {
                    let node = Node::read(reader.bytes(&field)?, depth, reader)?;
                    graph.nodes.push(node);
                }
                5 => {
                    let tensor = FileTensor::read(reader.bytes(&field)?, reader)?;
                    graph.initializers.push(tensor);
                }
                11 => graph
                    .inputs
                    .push(FileValue::read(reader.bytes(&field)?, reader)?),
                12 => graph
                    .outputs
                    .push(FileValue::read(reader.bytes(&field)?, reader)?),
                13 => graph
                    .values
                    .push(FileValue::read(reader.bytes(&field)?, reader)?),
                15 => {
                    let name = read_sparse(reader.bytes(&field)?, reader)?;
                    graph.sparse_initializers.push(name);
                }
                _ => {}
            }
        }
        Ok(graph)
    }

    /// Every node, those of graphs within nodes included.
    pub(crate) fn visit<'g>(&'g self, visitor: &mut dyn FnMut(&'g Node<'a>)) {
        for node in &self.nodes {
            visitor(node);
            for graph in &node.graphs {
                graph.visit(visitor);
            }
        }
    }
}

/// The name of a `SparseTensorProto`, which is that of its values.
fn read_sparse<'a>(bytes: &'a [u8], reader: &mut Reader) -> Result<&'a str, OnnxError> {
    let mut name = "";
    let mut message = Message::new(bytes, "a sparse tensor");
    while let Some(field) = message.next()? {
        if matches!(field.number, 1 | 2) {
            let tensor = FileTensor::read(reader.bytes(&field)?, reader)?;
            if field.number == 1 {
                name = tensor.name;
            }
        }
    }
    Ok(name)
}
