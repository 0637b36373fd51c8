//! Nodes made here, in the encoding of the file.

use crate::wire::{bytes_field, float_field, varint_field};

/// A node in the making.
#[derive(Debug, Default)]
pub(crate) struct NodeBuilder {
    bytes: Vec<u8>,
}

impl NodeBuilder {
    /// A node of the standard domain.
    pub(crate) fn new(operator: &str, inputs: &[&str], output: &str) -> Self {
        let mut bytes = Vec::new();
        for input in inputs {
            bytes_field(1, input.as_bytes(), &mut bytes);
        }
        bytes_field(2, output.as_bytes(), &mut bytes);
        bytes_field(4, operator.as_bytes(), &mut bytes);
        Self { bytes }
    }

    /// A node whose output is this scalar.
    pub(crate) fn integer(output: &str, value: i64) -> Vec<u8> {
        Self::new("Constant", &[], output)
            .with_integer("value_int", value)
            .build()
    }

    /// A node whose output is a row of these.
    pub(crate) fn integers(output: &str, values: &[i64]) -> Vec<u8> {
        Self::new("Constant", &[], output)
            .with_integers("value_ints", values)
            .build()
    }

    /// A node whose output is this scalar.
    pub(crate) fn float(output: &str, value: f32) -> Vec<u8> {
        Self::new("Constant", &[], output)
            .with_float("value_float", value)
            .build()
    }

    pub(crate) fn with_integer(self, name: &str, value: i64) -> Self {
        self.with(name, 2, |attribute| {
            varint_field(3, value.cast_unsigned(), attribute);
        })
    }

    pub(crate) fn with_float(self, name: &str, value: f32) -> Self {
        self.with(name, 1, |attribute| float_field(2, value, attribute))
    }

    pub(crate) fn with_integers(self, name: &str, values: &[i64]) -> Self {
        self.with(name, 7, |attribute| {
            for value in values {
                varint_field(8, value.cast_unsigned(), attribute);
            }
        })
    }

    fn with(mut self, name: &str, kind: u64, value: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut attribute = Vec::new();
        bytes_field(1, name.as_bytes(), &mut attribute);
        value(&mut attribute);
        varint_field(20, kind, &mut attribute);
        bytes_field(5, &attribute, &mut self.bytes);
        self
    }

    /// A node that is in a file already, to be given more attributes.
    pub(crate) fn extend(node: &[u8]) -> Self {
        Self {
            bytes: node.to_vec(),
        }
    }

    pub(crate) fn build(self) -> Vec<u8> {
        self.bytes
    }
}
