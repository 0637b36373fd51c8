//! Whether nodes and values make a graph: every value is made once, and before it is read.

use std::collections::{HashMap, HashSet};

use super::graph::Graph;
use super::node::Node;
use crate::OnnxError;
use crate::error::excerpt;

/// Checks the main graph and all within it.
pub(crate) fn check_graph(graph: &Graph<'_>) -> Result<(), OnnxError> {
    let mut outputs = HashSet::new();
    for output in &graph.outputs {
        if !outputs.insert(output.name) {
            return Err(OnnxError::Graph(format!(
                "it has two outputs of the name \"{}\"",
                excerpt(output.name)
            )));
        }
    }
    if graph.outputs.is_empty() {
        return Err(OnnxError::Graph("it has no outputs".to_owned()));
    }
    check_within(graph, &mut Vec::new())
}

/// Checks a graph that sees the values of the graphs around it, `outer`, outermost first.
fn check_within<'a>(graph: &Graph<'a>, outer: &mut Vec<HashSet<&'a str>>) -> Result<(), OnnxError> {
    let mut known = beginning(graph)?;
    for node in &graph.nodes {
        for input in node.inputs.iter().filter(|name| !name.is_empty()) {
            if !known.contains(input) && !outer.iter().any(|names| names.contains(input)) {
                return Err(unknown_input(graph, node, input));
            }
        }
        if !node.graphs.is_empty() {
            outer.push(known);
            for inner in &node.graphs {
                check_within(inner, outer)?;
            }
            known = outer.pop().unwrap_or_default();
        }
        for output in node.outputs.iter().filter(|name| !name.is_empty()) {
            if !known.insert(output) {
                return Err(OnnxError::Graph(format!(
                    "{} makes \"{}\", which is there already",
                    node.title(),
                    excerpt(output)
                )));
            }
        }
    }
    for output in &graph.outputs {
        let around = outer.iter().any(|names| names.contains(output.name));
        if !known.contains(output.name) && !around {
            return Err(OnnxError::Graph(format!(
                "nothing makes its output \"{}\"",
                excerpt(output.name)
            )));
        }
    }
    Ok(())
}

/// The values that are there before the first node.
fn beginning<'a>(graph: &Graph<'a>) -> Result<HashSet<&'a str>, OnnxError> {
    let mut known = HashSet::new();
    let initializers = graph.initializers.iter().map(|tensor| tensor.name);
    for name in initializers.chain(graph.sparse_initializers.iter().copied()) {
        if name.is_empty() {
            return Err(OnnxError::Graph("an initializer has no name".to_owned()));
        }
        if !known.insert(name) {
            return Err(OnnxError::Graph(format!(
                "it has two initializers of the name \"{}\"",
                excerpt(name)
            )));
        }
    }
    let mut inputs = HashSet::new();
    for input in &graph.inputs {
        if input.name.is_empty() {
            return Err(OnnxError::Graph("an input has no name".to_owned()));
        }
        if !inputs.insert(input.name) {
            return Err(OnnxError::Graph(format!(
                "it has two inputs of the name \"{}\"",
                excerpt(input.name)
            )));
        }
    }
    known.extend(inputs);
    Ok(known)
}

/// Why a node reads what is not there: because nothing makes it, because it is made later, or
/// because it would have to be made out of itself.
fn unknown_input(graph: &Graph<'_>, node: &Node<'_>, input: &str) -> OnnxError {
    let maker = graph
        .nodes
        .iter()
        .find(|other| other.outputs.contains(&input));
    let reads = format!("{} reads \"{}\"", node.title(), excerpt(input));
    OnnxError::Graph(match maker {
        None => format!("{reads}, which nothing makes"),
        Some(maker) => match in_cycle(graph) {
            Some(member) => format!(
                "{reads}, which {} makes: there is a cycle through {}",
                maker.title(),
                member.title()
            ),
            None => format!(
                "{reads} before {} makes it: its nodes are not in order",
                maker.title()
            ),
        },
    })
}

/// A node of a cycle, or one that is behind a cycle; `None` when there is none. Nodes whose inputs
/// are all made are taken away until none is left (Kahn, 1962).
fn in_cycle<'g, 'a>(graph: &'g Graph<'a>) -> Option<&'g Node<'a>> {
    let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
    let made: HashSet<&str> = graph
        .nodes
        .iter()
        .flat_map(|node| node.outputs.iter().copied())
        .filter(|name| !name.is_empty())
        .collect();
    let mut waiting: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    for (index, node) in graph.nodes.iter().enumerate() {
        let inputs: HashSet<&str> = node
            .inputs
            .iter()
            .copied()
            .filter(|name| made.contains(name))
            .collect();
        waiting.push(inputs.len());
        for input in inputs {
            readers.entry(input).or_default().push(index);
        }
    }
    let mut ready: Vec<usize> = (0..waiting.len())
        .filter(|index| waiting.get(*index) == Some(&0))
        .collect();
    let mut taken = HashSet::new();
    while let Some(index) = ready.pop() {
        let Some(node) = graph.nodes.get(index) else {
            continue;
        };
        for output in &node.outputs {
            // A value that is made twice is waited for once.
            if !taken.insert(*output) {
                continue;
            }
            for reader in readers.get(output).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(*reader) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.push(*reader);
                    }
                }
            }
        }
    }
    let position = waiting.iter().position(|count| *count > 0)?;
    graph.nodes.get(position)
}
