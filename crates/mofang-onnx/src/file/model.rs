//! `ModelProto`: the whole file.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::check::check_graph;
use super::graph::Graph;
use super::node::standard;
use super::reader::{Reader, once};
use super::tensor::read_entry;
use crate::error::excerpt;
use crate::limits::{FILE_BYTES_MAX, OPSET_IMPORTS_MAX};
use crate::wire::Message;
use crate::{ModelDescription, OnnxError, OperatorCount, OpsetImport};

/// A model in memory, read whole and checked against itself. Its weights are still where they were.
#[derive(Debug)]
pub struct OnnxFile<'a> {
    pub(crate) graph: Graph<'a>,
    /// The messages of the sets of operators, as they are in the file.
    pub(crate) opset_import_bytes: Vec<&'a [u8]>,
    /// Domain and name of the functions that the model defines itself.
    pub(crate) functions: HashSet<(&'a str, &'a str)>,
    description: ModelDescription,
}

impl<'a> OnnxFile<'a> {
    /// Whether bytes begin as an ONNX model does: with the version of its format. The beginning of
    /// the file is enough.
    pub fn is_likely(beginning: &[u8]) -> bool {
        // Field 1, a number, which has been 1 to 13 so far; then any of the fields of a model.
        matches!(
            beginning,
            [
                0x08,
                1..=0x3f,
                0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42 | 0x72,
                ..
            ]
        )
    }

    /// Reads a model and checks it: lengths, shapes and names against each other, that every value
    /// is made once and before it is read, that nothing lies in another file.
    ///
    /// # Errors
    /// When it is something else, damaged, too large, not a graph, or has weights in another file.
    pub fn read(bytes: &'a [u8]) -> Result<Self, OnnxError> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(OnnxError::TooLarge(format!(
                "it has {} bytes, and {FILE_BYTES_MAX} are the most",
                bytes.len()
            )));
        }
        read_model(bytes).map_err(|error| {
            // What does not even begin as a model is called something else, not damaged.
            if matches!(error, OnnxError::Damaged { .. }) && !Self::is_likely(bytes) {
                OnnxError::NotOnnx(error.to_string())
            } else {
                error
            }
        })
    }

    /// What the model says of itself.
    pub fn description(&self) -> &ModelDescription {
        &self.description
    }
}

fn read_model(bytes: &[u8]) -> Result<OnnxFile<'_>, OnnxError> {
    let mut reader = Reader::default();
    let mut description = ModelDescription {
        ir_version: 0,
        opset_imports: Vec::new(),
        producer_name: String::new(),
        producer_version: String::new(),
        metadata: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        operators: Vec::new(),
        parameters: 0,
        functions: Vec::new(),
    };
    let mut graph = None;
    let mut opset_import_bytes = Vec::new();
    let mut functions = HashSet::new();
    let mut message = Message::new(bytes, "the model");
    while let Some(field) = message.next()? {
        match field.number {
            1 => description.ir_version = field.signed()?,
            2 => reader
                .name(&field, "the producer")?
                .clone_into(&mut description.producer_name),
            3 => reader
                .name(&field, "the producer")?
                .clone_into(&mut description.producer_version),
            7 => {
                let found = Graph::read(reader.bytes(&field)?, 0, &mut reader)?;
                once(&mut graph, found, "the graph")?;
            }
            8 => {
                let import = reader.bytes(&field)?;
                if opset_import_bytes.len() >= OPSET_IMPORTS_MAX {
                    return Err(OnnxError::TooLarge(format!(
                        "it names more than {OPSET_IMPORTS_MAX} sets of operators"
                    )));
                }
                description
                    .opset_imports
                    .push(read_opset_import(import, &mut reader)?);
                opset_import_bytes.push(import);
            }
            14 => {
                let entry = reader.bytes(&field)?;
                let (key, value) = read_entry(entry, &mut reader, "the metadata")?;
                description
                    .metadata
                    .push((key.to_owned(), value.to_owned()));
            }
            25 => {
                let function = reader.bytes(&field)?;
                functions.insert(read_function(function, &mut reader)?);
            }
            _ => {}
        }
    }
    let graph: Graph<'_> =
        graph.ok_or_else(|| OnnxError::damaged("the model", "it has no graph"))?;
    if description.ir_version < 1 {
        return Err(OnnxError::damaged(
            "the model",
            "it does not say which version of the format it has",
        ));
    }
    check_opset_imports(&description.opset_imports)?;
    check_graph(&graph)?;
    describe(&graph, &functions, &mut description);
    Ok(OnnxFile {
        graph,
        opset_import_bytes,
        functions,
        description,
    })
}

fn read_opset_import(bytes: &[u8], reader: &mut Reader) -> Result<OpsetImport, OnnxError> {
    let mut import = OpsetImport {
        domain: String::new(),
        version: 0,
    };
    let mut message = Message::new(bytes, "a set of operators");
    while let Some(field) = message.next()? {
        match field.number {
            1 => {
                let domain = reader.name(&field, "a set of operators")?;
                standard(domain).clone_into(&mut import.domain);
            }
            2 => import.version = field.signed()?,
            _ => {}
        }
    }
    Ok(import)
}

fn read_function<'a>(
    bytes: &'a [u8],
    reader: &mut Reader,
) -> Result<(&'a str, &'a str), OnnxError> {
    let mut function = ("", "");
    let mut message = Message::new(bytes, "a function");
    while let Some(field) = message.next()? {
        match field.number {
            1 => function.1 = reader.name(&field, "a function")?,
            10 => function.0 = standard(reader.name(&field, "a function")?),
            _ => {}
        }
    }
    Ok(function)
}

fn check_opset_imports(imports: &[OpsetImport]) -> Result<(), OnnxError> {
    let mut seen = HashMap::new();
    for import in imports {
        let domain = excerpt(&import.domain);
        // Exporters name a set twice; two versions of it are a contradiction.
        let other = seen.insert(&import.domain, import.version);
        if other.is_some_and(|other| other != import.version) {
            return Err(OnnxError::Graph(format!(
                "it uses two versions of the set of operators \"{domain}\""
            )));
        }
        if !(1..=i64::from(u16::MAX)).contains(&import.version) {
            return Err(OnnxError::Graph(format!(
                "its set of operators \"{domain}\" has the impossible version {}",
                import.version
            )));
        }
    }
    if imports.is_empty() {
        return Err(OnnxError::Graph(
            "it does not say which version of the operators it uses".to_owned(),
        ));
    }
    Ok(())
}

fn describe(
    graph: &Graph<'_>,
    functions: &HashSet<(&str, &str)>,
    description: &mut ModelDescription,
) {
    // Formats before version 4 listed the weights among the inputs.
    let initialized: HashSet<&str> = graph
        .initializers
        .iter()
        .map(|tensor| tensor.name)
        .collect();
    description.inputs = graph
        .inputs
        .iter()
        .filter(|input| !initialized.contains(input.name))
        .map(super::value::FileValue::describe)
        .collect();
    description.outputs = graph
        .outputs
        .iter()
        .map(super::value::FileValue::describe)
        .collect();
    description.parameters = graph
        .initializers
        .iter()
        .fold(0, |sum: u64, tensor| sum.saturating_add(tensor.elements));
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    graph.visit(&mut |node| {
        let count = counts.entry((node.domain, node.operator)).or_default();
        *count = count.saturating_add(1);
    });
    description.operators = counts
        .into_iter()
        .map(|((domain, name), nodes)| OperatorCount {
            domain: domain.to_owned(),
            name: name.to_owned(),
            nodes,
        })
        .collect();
    description.functions = functions
        .iter()
        .map(|(domain, name)| format!("{domain}.{name}"))
        .collect();
    description.functions.sort_unstable();
}
