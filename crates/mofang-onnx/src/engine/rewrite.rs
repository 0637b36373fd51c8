//! Nodes that the engine does not have, or computes otherwise than the specification says, written
//! as other nodes that mean the same.
//!
//! The model is walked over in its encoding; a node that is rewritten is replaced by several, whose
//! values between have names of their own. What comes out is read and checked as any other file.

use std::collections::HashMap;

use super::build::NodeBuilder;
use crate::file::{AttributeValue, Graph, Node, Reader};
use crate::wire::{Message, bytes_field};
use crate::{ElementType, OnnxError, OnnxFile, ValueKind};

/// The beginning of the names that are made here. A file that has such a name already is refused
/// when it is read again, as one that makes a value twice.
const PREFIX: &str = "mofang.rewrite";

/// The model with every such node rewritten; `None` when there is none.
///
/// # Errors
/// When a message cannot be read, which reading the file has ruled out.
pub(crate) fn rewrite(file: &OnnxFile<'_>, bytes: &[u8]) -> Result<Option<Vec<u8>>, OnnxError> {
    let mut rewriter = Rewriter {
        opset_version: file.description().opset_version("").unwrap_or(1),
        types: HashMap::new(),
        made: 0,
    };
    rewriter.note_types(&file.graph);
    let mut needed = false;
    file.graph
        .visit(&mut |node| needed |= rewriter.replacement(node).is_some());
    if !needed {
        return Ok(None);
    }
    let mut model = Vec::with_capacity(bytes.len().saturating_add(1 << 12));
    let mut message = Message::new(bytes, "the model");
    while let Some(field) = message.next()? {
        if field.number == 7 {
            bytes_field(7, &rewriter.graph(field.bytes()?)?, &mut model);
        } else {
            model.extend_from_slice(field.encoded);
        }
    }
    Ok(Some(model))
}

#[derive(Debug)]
struct Rewriter<'a> {
    /// Of the standard domain.
    opset_version: i64,
    /// The element types and numbers of dimensions of values, where the file says them and does not
    /// contradict itself.
    types: HashMap<&'a str, Option<(ElementType, usize)>>,
    /// How many nodes were rewritten.
    made: usize,
}

impl<'a> Rewriter<'a> {
    fn note_types(&mut self, graph: &Graph<'a>) {
        for tensor in &graph.initializers {
            self.note_type(tensor.name, (tensor.element_type, tensor.rank));
        }
        for value in graph.inputs.iter().chain(&graph.values) {
            if let ValueKind::Tensor {
                element_type,
                shape: Some(shape),
            } = &value.kind
            {
                self.note_type(value.name, (*element_type, shape.len()));
            }
        }
        for node in &graph.nodes {
            if let ("Constant", Some(output), Some(tensor)) =
                (node.operator, node.outputs.first(), &node.tensor)
            {
                self.note_type(output, (tensor.element_type, tensor.rank));
            }
            for inner in &node.graphs {
                self.note_types(inner);
            }
        }
    }

    fn note_type(&mut self, name: &'a str, found: (ElementType, usize)) {
        self.types
            .entry(name)
            .and_modify(|noted| {
                if *noted != Some(found) {
                    *noted = None;
                }
            })
            .or_insert(Some(found));
    }

    /// What is known of an input of a node.
    fn input_type(&self, node: &Node<'_>, index: usize) -> Option<(ElementType, usize)> {
        self.types.get(node.inputs.get(index)?).copied().flatten()
    }

    fn graph(&mut self, bytes: &[u8]) -> Result<Vec<u8>, OnnxError> {
        let mut graph = Vec::with_capacity(bytes.len());
        let mut message = Message::new(bytes, "a graph");
        while let Some(field) = message.next()? {
            if field.number != 1 {
                graph.extend_from_slice(field.encoded);
                continue;
            }
            let node = Node::read(field.bytes()?, 0, &mut Reader::default())?;
            if let Some(nodes) = self.replacement(&node) {
                self.made = self.made.saturating_add(1);
                for node in nodes {
                    bytes_field(1, &node, &mut graph);
                }
            } else if node.graphs.is_empty() {
                graph.extend_from_slice(field.encoded);
            } else {
                bytes_field(1, &self.inner_graphs(node.bytes, 5)?, &mut graph);
            }
        }
        Ok(graph)
    }

    /// A node's message with the graphs in its attributes rewritten: `level` 5 is the node, whose
    /// field 5 are the attributes, and 6 an attribute, whose fields 6 and 11 are graphs.
    fn inner_graphs(&mut self, bytes: &[u8], level: u32) -> Result<Vec<u8>, OnnxError> {
        let mut rewritten = Vec::with_capacity(bytes.len());
        let mut message = Message::new(bytes, "a node");
        while let Some(field) = message.next()? {
            match (level, field.number) {
                (5, 5) => {
                    let attribute = self.inner_graphs(field.bytes()?, 6)?;
                    bytes_field(5, &attribute, &mut rewritten);
                }
                (6, 6 | 11) => {
                    let graph = self.graph(field.bytes()?)?;
                    bytes_field(field.number, &graph, &mut rewritten);
                }
                _ => rewritten.extend_from_slice(field.encoded),
            }
        }
        Ok(rewritten)
    }

    /// The nodes that mean the same as this one; `None` when it stays.
    fn replacement(&self, node: &Node<'_>) -> Option<Vec<Vec<u8>>> {
        if !node.domain.is_empty() {
            return None;
        }
        let name = |part: &str| format!("{PREFIX}.{}.{part}", self.made);
        let first = node.inputs.first().copied().filter(|name| !name.is_empty());
        let (input, output) = (first?, *node.outputs.first()?);
        match node.operator {
            "ArgMax" | "ArgMin" => Some(arg_extreme(node, input, output, &name)),
            "AveragePool" | "Conv" | "ConvInteger" | "ConvTranspose" | "MaxPool" => {
                self.window(node)
            }
            "MatMul" => self.matrix_vector(node, input, output, &name),
            "Mish" => Some(mish(input, output, &name)),
            "Pow" => self.power(node, input, output, &name),
            "Selu" => Some(selu(node, input, output, &name)),
            "Sign" => Some(sign(input, output, &name)),
            "Softmax" | "LogSoftmax" if self.opset_version < 13 => {
                Some(softmax_of_rows(node, input, output, &name))
            }
            "ThresholdedRelu" => Some(thresholded_relu(node, input, output, &name)),
            _ => None,
        }
    }

    /// The engine does not find out how many dimensions a window has, which its defaults depend on:
    /// they are written out.
    fn window(&self, node: &Node<'_>) -> Option<Vec<Vec<u8>>> {
        let has = |name: &str| AttributeValue::find(node.bytes, name).is_some();
        let dimensions = match AttributeValue::find(node.bytes, "kernel_shape") {
            Some(kernel) => kernel.integers.len(),
            // [output channels, input channels, size…]
            None => self.input_type(node, 1)?.1.checked_sub(2)?,
        };
        let padded = AttributeValue::find(node.bytes, "auto_pad")
            .and_then(|value| value.text)
            .is_some_and(|text| text.starts_with("SAME"));
        let pooled = node.operator.ends_with("Pool");
        let mut missing = vec![("strides", vec![1; dimensions])];
        if !pooled {
            missing.push(("dilations", vec![1; dimensions]));
        }
        if !padded {
            missing.push(("pads", vec![0; dimensions.saturating_mul(2)]));
        }
        missing.retain(|(name, _)| !has(name));
        if missing.is_empty() {
            return None;
        }
        let node = missing
            .iter()
            .fold(NodeBuilder::extend(node.bytes), |node, (name, values)| {
                node.with_integers(name, values)
            });
        Some(vec![node.build()])
    }

    /// The engine takes a power of the type of its base only.
    fn power(
        &self,
        node: &Node<'_>,
        base: &str,
        output: &str,
        name: &dyn Fn(&str) -> String,
    ) -> Option<Vec<Vec<u8>>> {
        let exponent = *node.inputs.get(1)?;
        let (element_type, _) = self.input_type(node, 1)?;
        if !matches!(element_type, ElementType::Int64 | ElementType::Int32) {
            return None;
        }
        let cast = name("exponent");
        Some(vec![
            NodeBuilder::new("CastLike", &[exponent, base], &cast).build(),
            NodeBuilder::new("Pow", &[base, &cast], output).build(),
        ])
    }

    /// The engine keeps a dimension of 1 when several matrices are multiplied by one vector.
    fn matrix_vector(
        &self,
        node: &Node<'_>,
        matrix: &str,
        output: &str,
        name: &dyn Fn(&str) -> String,
    ) -> Option<Vec<Vec<u8>>> {
        let vector = *node.inputs.get(1)?;
        let (_, rank) = self.input_type(node, 1)?;
        if rank != 1 {
            return None;
        }
        let [shape, column, product, zero] = ["shape", "column", "product", "zero"].map(name);
        Some(vec![
            NodeBuilder::integers(&shape, &[-1, 1]),
            NodeBuilder::new("Reshape", &[vector, &shape], &column).build(),
            NodeBuilder::new("MatMul", &[matrix, &column], &product).build(),
            NodeBuilder::integer(&zero, 0),
            NodeBuilder::new("Gather", &[&product, &zero], output)
                .with_integer("axis", -1)
                .build(),
        ])
    }
}

/// Of equal elements the engine takes the last, and the specification the first: the first is the
/// last in reverse.
fn arg_extreme(
    node: &Node<'_>,
    input: &str,
    output: &str,
    name: &dyn Fn(&str) -> String,
) -> Vec<Vec<u8>> {
    let integer = |name: &str| AttributeValue::find(node.bytes, name)?.integer;
    let axis = integer("axis").unwrap_or(0);
    let keep_dims = integer("keepdims").unwrap_or(1);
    if integer("select_last_index").is_some_and(|last| last != 0) {
        // The engine refuses the attribute, and what it does is what is asked for.
        return vec![
            NodeBuilder::new(node.operator, &[input], output)
                .with_integer("axis", axis)
                .with_integer("keepdims", keep_dims)
                .build(),
        ];
    }
    let [begin, end, axes, steps] = ["begin", "end", "axes", "steps"].map(name);
    let [reverse, index, shape, position] = ["reverse", "index", "shape", "axis"].map(name);
    let [size, one, last] = ["size", "one", "last"].map(name);
    vec![
        NodeBuilder::integers(&begin, &[-1]),
        NodeBuilder::integers(&end, &[i64::from(i32::MIN)]),
        NodeBuilder::integers(&axes, &[axis]),
        NodeBuilder::integers(&steps, &[-1]),
        NodeBuilder::new("Slice", &[input, &begin, &end, &axes, &steps], &reverse).build(),
        NodeBuilder::new(node.operator, &[&reverse], &index)
            .with_integer("axis", axis)
            .with_integer("keepdims", keep_dims)
            .build(),
        NodeBuilder::new("Shape", &[input], &shape).build(),
        NodeBuilder::integer(&position, axis),
        NodeBuilder::new("Gather", &[&shape, &position], &size).build(),
        NodeBuilder::integer(&one, 1),
        NodeBuilder::new("Sub", &[&size, &one], &last).build(),
        NodeBuilder::new("Sub", &[&last, &index], output).build(),
    ]
}

/// `x · tanh(softplus(x))` (Misra, 2019).
fn mish(input: &str, output: &str, name: &dyn Fn(&str) -> String) -> Vec<Vec<u8>> {
    let [softplus, tanh] = ["softplus", "tanh"].map(name);
    vec![
        NodeBuilder::new("Softplus", &[input], &softplus).build(),
        NodeBuilder::new("Tanh", &[&softplus], &tanh).build(),
        NodeBuilder::new("Mul", &[input, &tanh], output).build(),
    ]
}

/// `gamma · elu(x, alpha)` (Klambauer et al., 2017).
fn selu(node: &Node<'_>, input: &str, output: &str, name: &dyn Fn(&str) -> String) -> Vec<Vec<u8>> {
    // The defaults of the specification.
    let float = |attribute: &str, default: f32| {
        AttributeValue::find(node.bytes, attribute)
            .and_then(|value| value.float)
            .unwrap_or(default)
    };
    let [elu, gamma] = ["elu", "gamma"].map(name);
    vec![
        NodeBuilder::new("Elu", &[input], &elu)
            .with_float("alpha", float("alpha", 1.673_263_2))
            .build(),
        NodeBuilder::float(&gamma, float("gamma", 1.050_701)),
        NodeBuilder::new("Mul", &[&elu, &gamma], output).build(),
    ]
}

/// The engine gives 1 for 0. `x - x` is a zero of x's type; where x is infinite it is not a number,
/// which equals nothing, and the engine's result stays.
fn sign(input: &str, output: &str, name: &dyn Fn(&str) -> String) -> Vec<Vec<u8>> {
    let [engine, zero, is_zero] = ["engine", "zero", "is_zero"].map(name);
    vec![
        NodeBuilder::new("Sign", &[input], &engine).build(),
        NodeBuilder::new("Sub", &[input, input], &zero).build(),
        NodeBuilder::new("Equal", &[input, &zero], &is_zero).build(),
        NodeBuilder::new("Where", &[&is_zero, input, &engine], output).build(),
    ]
}

/// Up to opset 12 the dimensions from `axis` on, 1 when it is left out, were one; the engine takes
/// the axis alone, the last when it is left out.
fn softmax_of_rows(
    node: &Node<'_>,
    input: &str,
    output: &str,
    name: &dyn Fn(&str) -> String,
) -> Vec<Vec<u8>> {
    let axis = AttributeValue::find(node.bytes, "axis")
        .and_then(|value| value.integer)
        .unwrap_or(1);
    let [shape, rows, softmax] = ["shape", "rows", "softmax"].map(name);
    vec![
        NodeBuilder::new("Shape", &[input], &shape).build(),
        NodeBuilder::new("Flatten", &[input], &rows)
            .with_integer("axis", axis)
            .build(),
        NodeBuilder::new(node.operator, &[&rows], &softmax)
            .with_integer("axis", -1)
            .build(),
        NodeBuilder::new("Reshape", &[&softmax, &shape], output).build(),
    ]
}

/// `x` where it is greater than `alpha`, 0 elsewhere.
fn thresholded_relu(
    node: &Node<'_>,
    input: &str,
    output: &str,
    name: &dyn Fn(&str) -> String,
) -> Vec<Vec<u8>> {
    let alpha = AttributeValue::find(node.bytes, "alpha")
        .and_then(|value| value.float)
        .unwrap_or(1.0);
    let [threshold, above, zero] = ["threshold", "above", "zero"].map(name);
    vec![
        NodeBuilder::float(&threshold, alpha),
        NodeBuilder::new("Greater", &[input, &threshold], &above).build(),
        NodeBuilder::float(&zero, 0.0),
        NodeBuilder::new("Where", &[&above, input, &zero], output).build(),
    ]
}
