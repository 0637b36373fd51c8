//! Small models for the tests of crates above.

use crate::engine::NodeBuilder;
use crate::wire::{bytes_field, varint_field};

/// A classifier of images by the mean of each channel: `logits = mean(image) · w + b` for three
/// classes, with the channel's number plus one in `w` times −1, 0 and 1, and `b` = 0, 0.25, 0.
#[derive(Debug, Clone, Copy)]
pub struct TinyClassifier {
    /// `[channels, height, width]`; a size of 0 is left open.
    pub image_shape: [usize; 3],
    /// Images in a batch; 0 is left open.
    pub batch: usize,
    /// Whether it takes `[batch, height, width, channels]`.
    pub channels_last: bool,
    /// Whether its outputs are probabilities.
    pub softmax: bool,
    /// Whether it gives the means as a second output.
    pub means: bool,
}

impl Default for TinyClassifier {
    fn default() -> Self {
        Self {
            image_shape: [1, 8, 8],
            batch: 0,
            channels_last: false,
            softmax: false,
            means: false,
        }
    }
}

impl TinyClassifier {
    /// The file: input `pixels`, output `scores`, and `means`.
    pub fn build(&self) -> Vec<u8> {
        let [channels, height, width] = self.image_shape;
        let mut nodes = if self.channels_last {
            vec![
                NodeBuilder::new("ReduceMean", &["pixels"], "means")
                    .with_integers("axes", &[1, 2])
                    .with_integer("keepdims", 0)
                    .build(),
            ]
        } else {
            vec![
                NodeBuilder::new("GlobalAveragePool", &["pixels"], "pooled").build(),
                NodeBuilder::new("Flatten", &["pooled"], "means").build(),
            ]
        };
        let logits = if self.softmax { "logits" } else { "scores" };
        nodes.push(NodeBuilder::new("Gemm", &["means", "w", "b"], logits).build());
        if self.softmax {
            nodes.push(
                NodeBuilder::new("Softmax", &[logits], "scores")
                    .with_integer("axis", -1)
                    .build(),
            );
        }
        let weights: Vec<f32> = (1_u8..)
            .take(channels)
            .flat_map(|channel| [-1.0, 0.0, 1.0].map(|sign| sign * f32::from(channel)))
            .collect();
        let shape = if self.channels_last {
            [self.batch, height, width, channels]
        } else {
            [self.batch, channels, height, width]
        };
        let mut graph = Vec::new();
        for node in nodes {
            bytes_field(1, &node, &mut graph);
        }
        bytes_field(5, &tensor("w", &[channels, 3], &weights), &mut graph);
        bytes_field(5, &tensor("b", &[3], &[0.0, 0.25, 0.0]), &mut graph);
        bytes_field(11, &value("pixels", &shape), &mut graph);
        bytes_field(12, &value("scores", &[self.batch, 3]), &mut graph);
        if self.means {
            bytes_field(12, &value("means", &[self.batch, channels]), &mut graph);
        }
        model(&graph)
    }
}

/// A model of nodes by operator, inputs and output, each of the standard domain, with the input `x`
/// and the output `y` of these sizes; 0 is left open.
pub fn model_of(nodes: &[(&str, &[&str], &str)], input: &[usize], output: &[usize]) -> Vec<u8> {
    let mut graph = Vec::new();
    for (operator, inputs, output) in nodes {
        let node = NodeBuilder::new(operator, inputs, output).build();
        bytes_field(1, &node, &mut graph);
    }
    bytes_field(11, &value("x", input), &mut graph);
    bytes_field(12, &value("y", output), &mut graph);
    model(&graph)
}

/// A classifier of images `[n, 1, 8, 8]` that asks for four times so many bytes while it is loaded:
/// what is constant is computed then.
pub fn memory_bomb(elements: i64) -> Vec<u8> {
    let mut graph = Vec::new();
    for node in [
        NodeBuilder::integers("size", &[elements]),
        NodeBuilder::new("ConstantOfShape", &["size"], "zeros").build(),
        NodeBuilder::new("Exp", &["zeros"], "ones").build(),
        NodeBuilder::new("ReduceMean", &["ones"], "mean").build(),
        NodeBuilder::new("GlobalAveragePool", &["x"], "pooled").build(),
        NodeBuilder::new("Flatten", &["pooled"], "flat").build(),
        NodeBuilder::new("Add", &["flat", "mean"], "y").build(),
    ] {
        bytes_field(1, &node, &mut graph);
    }
    bytes_field(11, &value("x", &[0, 1, 8, 8]), &mut graph);
    bytes_field(12, &value("y", &[0, 1]), &mut graph);
    model(&graph)
}

fn model(graph: &[u8]) -> Vec<u8> {
    let mut opset = Vec::new();
    varint_field(2, 17, &mut opset);
    let mut model = Vec::new();
    varint_field(1, 8, &mut model);
    bytes_field(2, b"mofang", &mut model);
    bytes_field(7, graph, &mut model);
    bytes_field(8, &opset, &mut model);
    model
}

fn tensor(name: &str, shape: &[usize], values: &[f32]) -> Vec<u8> {
    let mut tensor = Vec::new();
    for size in shape {
        varint_field(1, u64::try_from(*size).unwrap_or(0), &mut tensor);
    }
    varint_field(2, 1, &mut tensor);
    bytes_field(8, name.as_bytes(), &mut tensor);
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    bytes_field(9, &bytes, &mut tensor);
    tensor
}

fn value(name: &str, shape: &[usize]) -> Vec<u8> {
    let mut dimensions = Vec::new();
    for size in shape {
        let mut dimension = Vec::new();
        match size {
            0 => bytes_field(2, b"n", &mut dimension),
            size => varint_field(1, u64::try_from(*size).unwrap_or(0), &mut dimension),
        }
        bytes_field(1, &dimension, &mut dimensions);
    }
    let mut tensor = Vec::new();
    varint_field(1, 1, &mut tensor);
    bytes_field(2, &dimensions, &mut tensor);
    let mut kind = Vec::new();
    bytes_field(1, &tensor, &mut kind);
    let mut value = Vec::new();
    bytes_field(1, name.as_bytes(), &mut value);
    bytes_field(2, &kind, &mut value);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Array, Session, SessionOptions, Value};

    #[test]
    fn the_classifier_runs() {
        for (softmax, channels_last) in [(false, false), (true, false), (false, true)] {
            let model = TinyClassifier {
                image_shape: [1, 2, 2],
                softmax,
                channels_last,
                means: true,
                ..TinyClassifier::default()
            };
            let session = Session::load(&model.build(), SessionOptions::default()).unwrap();
            let shape = if channels_last {
                vec![1, 2, 2, 1]
            } else {
                vec![1, 1, 2, 2]
            };
            let image = Value::new(shape, Array::Float(vec![1.0, 2.0, 3.0, 2.0])).unwrap();
            let outputs = session.run(&[("pixels", &image)]).unwrap();
            let [(_, scores), (_, mean), ..] = outputs.as_slice() else {
                panic!("there are two outputs");
            };
            assert_eq!(mean.array(), &Array::Float(vec![2.0]));
            let Array::Float(scores) = scores.array() else {
                panic!("no numbers");
            };
            if softmax {
                assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            } else {
                assert_eq!(scores, &[-2.0, 0.25, 2.0]);
            }
        }
    }
}
