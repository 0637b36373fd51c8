//! `AttributeProto`: what configures a node.

use super::graph::Graph;
use super::reader::{Reader, once};
use super::tensor::FileTensor;
use crate::OnnxError;
use crate::limits::DIMENSIONS_MAX;
use crate::wire::Message;

/// An attribute, as far as the graph's checks need it.
#[derive(Debug)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    pub(crate) graphs: Vec<Graph<'a>>,
    pub(crate) tensor: Option<FileTensor<'a>>,
}

impl<'a> Attribute<'a> {
    pub(crate) fn read(
        bytes: &'a [u8],
        depth: usize,
        reader: &mut Reader,
    ) -> Result<Self, OnnxError> {
        let mut name = "";
        let mut tensor = None;
        let mut graph = None;
        let mut graphs = Vec::new();
        let mut message = Message::new(bytes, "an attribute");
        while let Some(field) = message.next()? {
            match field.number {
                1 => name = reader.name(&field, "an attribute")?,
                5 => {
                    let value = FileTensor::read(reader.bytes(&field)?, reader)?;
                    once(&mut tensor, value, "an attribute's tensor")?;
                }
                6 => {
                    let value =
                        Graph::read(reader.bytes(&field)?, depth.saturating_add(1), reader)?;
                    once(&mut graph, value, "an attribute's graph")?;
                }
                9 => reader.text(&field, "an attribute").map(|_| ())?,
                10 => FileTensor::read(reader.bytes(&field)?, reader).map(|_| ())?,
                11 => graphs.push(Graph::read(
                    reader.bytes(&field)?,
                    depth.saturating_add(1),
                    reader,
                )?),
                21 => {
                    return Err(OnnxError::damaged(
                        "an attribute",
                        "it refers to an attribute of a function, and it is not in one",
                    ));
                }
                _ => {}
            }
        }
        graphs.extend(graph);
        Ok(Self {
            name,
            graphs,
            tensor,
        })
    }
}

/// The plain values of an attribute, read when they are asked for.
#[derive(Debug, Default)]
pub(crate) struct AttributeValue<'a> {
    pub(crate) integer: Option<i64>,
    pub(crate) float: Option<f32>,
    pub(crate) text: Option<&'a str>,
    pub(crate) integers: Vec<i64>,
}

impl<'a> AttributeValue<'a> {
    /// The attribute `name` of a node's message; `None` when the node does not have it, or has more
    /// in it than an attribute of an axis, a size or a mode.
    pub(crate) fn find(node: &'a [u8], name: &str) -> Option<Self> {
        let mut message = Message::new(node, "a node");
        while let Ok(Some(field)) = message.next() {
            if field.number != 5 {
                continue;
            }
            let bytes = field.bytes().ok()?;
            if let Some(value) = Self::read(bytes, name) {
                return Some(value);
            }
        }
        None
    }

    fn read(bytes: &'a [u8], wanted: &str) -> Option<Self> {
        let mut name = "";
        let mut value = Self::default();
        let mut message = Message::new(bytes, "an attribute");
        while let Some(field) = message.next().ok()? {
            match field.number {
                1 => name = std::str::from_utf8(field.bytes().ok()?).ok()?,
                2 => value.float = Some(field.float().ok()?),
                3 => value.integer = Some(field.signed().ok()?),
                4 => value.text = std::str::from_utf8(field.bytes().ok()?).ok(),
                // Two pads for each dimension are the most that are looked for.
                8 => field
                    .signed_elements(&mut value.integers, DIMENSIONS_MAX.saturating_mul(2))
                    .ok()?,
                _ => {}
            }
        }
        (name == wanted).then_some(value)
    }
}
