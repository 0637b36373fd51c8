//! A model that is loaded and can be run.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use rten::{Model, ModelOptions, NodeId, RunOptions, ShapeInferenceMode, ThreadPool};

use super::guard::guarded;
use super::rewrite::rewrite;
use super::support::unsupported_operators;
use super::value::Value;
use crate::error::excerpt;
use crate::file::Graph;
use crate::{
    Dimension, ElementType, ModelDescription, OnnxError, OnnxFile, ValueDescription, ValueKind,
};

/// How a model is loaded.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionOptions {
    /// Threads of a run; `None` shares one pool, of as many as there are cores, between all models.
    pub threads: Option<NonZeroUsize>,
}

/// A model that is loaded. Runs may overlap.
#[derive(Debug)]
pub struct Session {
    model: Model,
    inputs: Vec<(ValueDescription, NodeId)>,
    outputs: Vec<(ValueDescription, NodeId)>,
    description: ModelDescription,
    threads: Option<Arc<ThreadPool>>,
}

impl Session {
    /// Reads a model, checks it, and loads it.
    ///
    /// # Errors
    /// What [`OnnxFile::read`] refuses, operators and types that the engine does not run, and what
    /// the engine refuses.
    pub fn load(bytes: &[u8], options: SessionOptions) -> Result<Self, OnnxError> {
        let original = OnnxFile::read(bytes)?;
        let description = original.description().clone();
        let model = match rewrite(&original, bytes)? {
            None => {
                check(&original)?;
                load(bytes)?
            }
            Some(rewritten) => {
                check(&OnnxFile::read(&rewritten)?)?;
                load(&rewritten)?
            }
        };
        let inputs = with_ids(&description.inputs, model.input_ids())?;
        let outputs = with_ids(&description.outputs, model.output_ids())?;
        Ok(Self {
            model,
            inputs,
            outputs,
            description,
            threads: options
                .threads
                .map(|threads| Arc::new(ThreadPool::with_num_threads(threads.get()))),
        })
    }

    /// What the model says of itself.
    pub fn description(&self) -> &ModelDescription {
        &self.description
    }

    /// Runs the model on values for all of its inputs, in any order, and gives all of its outputs
    /// in the model's order.
    ///
    /// A `float16` input is given as `f32`, and a `float16` output comes as one.
    ///
    /// # Errors
    /// When an input is unknown, missing, or of another type or shape; when the engine refuses or
    /// breaks off.
    pub fn run(&self, inputs: &[(&str, &Value)]) -> Result<Vec<(String, Value)>, OnnxError> {
        self.check_names(inputs)?;
        let mut engine_inputs = Vec::with_capacity(inputs.len());
        for (description, id) in &self.inputs {
            let value = inputs
                .iter()
                .find(|(name, _)| *name == description.name)
                .map(|(_, value)| *value)
                .ok_or_else(|| {
                    OnnxError::Input(format!("the input \"{}\" is missing", description.name))
                })?;
            check_value(description, value)?;
            engine_inputs.push((*id, value.to_engine(&description.name)?));
        }
        let ids: Vec<NodeId> = self.outputs.iter().map(|(_, id)| *id).collect();
        let options = RunOptions::default().with_thread_pool(self.threads.clone());
        let values = guarded("run", || {
            self.model
                .run(engine_inputs, &ids, Some(options))
                .map_err(|error| OnnxError::Engine {
                    action: "run",
                    reason: excerpt(&error.to_string()),
                })
        })?;
        self.outputs
            .iter()
            .zip(values)
            .map(|((description, _), value)| {
                let declared = match description.kind {
                    ValueKind::Tensor { element_type, .. } => Some(element_type),
                    ValueKind::Other(_) | ValueKind::Unknown => None,
                };
                let value = Value::from_engine(&description.name, value, declared)?;
                Ok((description.name.clone(), value))
            })
            .collect()
    }

    fn check_names(&self, inputs: &[(&str, &Value)]) -> Result<(), OnnxError> {
        let mut seen = HashSet::new();
        for (name, _) in inputs {
            if !seen.insert(name) {
                return Err(OnnxError::Input(format!(
                    "the input \"{}\" is given twice",
                    excerpt(name)
                )));
            }
            if !self.inputs.iter().any(|(input, _)| input.name == *name) {
                let names: Vec<&str> = self
                    .inputs
                    .iter()
                    .map(|(input, _)| input.name.as_str())
                    .collect();
                return Err(OnnxError::Input(format!(
                    "there is no input \"{}\"; there are: {}",
                    excerpt(name),
                    names.join(", ")
                )));
            }
        }
        Ok(())
    }
}

/// Loads a checked model. The engine infers shapes before it plans a run, and breaks off over some
/// graphs that it runs well: those are loaded without.
fn load(bytes: &[u8]) -> Result<Model, OnnxError> {
    let attempt = |inference: ShapeInferenceMode| {
        guarded("load", || {
            ModelOptions::with_all_ops()
                .shape_inference(inference)
                .load(bytes.to_vec())
                .map_err(|error| OnnxError::Engine {
                    action: "load",
                    reason: excerpt(&error.to_string()),
                })
        })
    };
    attempt(ShapeInferenceMode::On).or_else(|error| {
        if matches!(error, OnnxError::Panicked { .. }) {
            attempt(ShapeInferenceMode::Off)
        } else {
            Err(error)
        }
    })
}

/// The identifiers that the engine gave the values.
fn with_ids(
    values: &[ValueDescription],
    ids: &[NodeId],
) -> Result<Vec<(ValueDescription, NodeId)>, OnnxError> {
    if values.len() != ids.len() {
        return Err(OnnxError::Engine {
            action: "load",
            reason: format!(
                "it has {} inputs or outputs, and the engine found {}",
                values.len(),
                ids.len()
            ),
        });
    }
    Ok(values.iter().cloned().zip(ids.iter().copied()).collect())
}

/// Whether the engine runs the model, as far as that can be told without running it.
fn check(file: &OnnxFile<'_>) -> Result<(), OnnxError> {
    let description = file.description();
    for (values, side) in [
        (&description.inputs, "input"),
        (&description.outputs, "output"),
    ] {
        for value in values {
            check_kind(value, side)?;
        }
    }
    check_initializers(&file.graph)?;
    let unsupported = unsupported_operators(file)?;
    if unsupported.is_empty() {
        Ok(())
    } else {
        Err(OnnxError::UnsupportedOperators(unsupported))
    }
}

fn check_kind(value: &ValueDescription, side: &str) -> Result<(), OnnxError> {
    match &value.kind {
        ValueKind::Tensor { element_type, .. } if is_computed(*element_type) => Ok(()),
        ValueKind::Tensor { element_type, .. } => Err(OnnxError::Unsupported(format!(
            "its {side} \"{}\" has elements of type {element_type}",
            excerpt(&value.name)
        ))),
        ValueKind::Other(kind) => Err(OnnxError::Unsupported(format!(
            "its {side} \"{}\" is of type {kind}, not a tensor",
            excerpt(&value.name)
        ))),
        ValueKind::Unknown if side == "input" => Err(OnnxError::Unsupported(format!(
            "it does not say which type its input \"{}\" has",
            excerpt(&value.name)
        ))),
        ValueKind::Unknown => Ok(()),
    }
}

fn check_initializers(graph: &Graph<'_>) -> Result<(), OnnxError> {
    if let Some(name) = graph.sparse_initializers.first() {
        return Err(OnnxError::Unsupported(format!(
            "its weight \"{}\" is sparse",
            excerpt(name)
        )));
    }
    for tensor in &graph.initializers {
        if !is_computed(tensor.element_type) {
            return Err(OnnxError::Unsupported(format!(
                "its weight \"{}\" has elements of type {}",
                excerpt(tensor.name),
                tensor.element_type
            )));
        }
    }
    Ok(())
}

/// Whether the engine has values of this type, or converts them.
fn is_computed(element_type: ElementType) -> bool {
    matches!(
        element_type,
        ElementType::Float
            | ElementType::Float16
            | ElementType::Double
            | ElementType::Int64
            | ElementType::Int32
            | ElementType::Bool
            | ElementType::Uint8
            | ElementType::Int8
    )
}

/// Whether a value is what the model declares.
fn check_value(description: &ValueDescription, value: &Value) -> Result<(), OnnxError> {
    let ValueKind::Tensor {
        element_type,
        shape,
    } = &description.kind
    else {
        return Ok(());
    };
    let given = value.array().element_type();
    let taken = if *element_type == ElementType::Float16 {
        ElementType::Float
    } else {
        *element_type
    };
    if given != taken {
        return Err(OnnxError::Input(format!(
            "\"{}\" has elements of type {given}, expected {taken}",
            description.name
        )));
    }
    let Some(expected) = shape else {
        return Ok(());
    };
    let fits = expected.len() == value.shape().len()
        && expected
            .iter()
            .zip(value.shape())
            .all(|(dimension, size)| match dimension {
                Dimension::Fixed(fixed) => fixed == size,
                Dimension::Named(_) | Dimension::Unknown => true,
            });
    if fits {
        return Ok(());
    }
    let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
    Err(OnnxError::Input(format!(
        "\"{}\" has shape {:?}, expected [{}]",
        description.name,
        value.shape(),
        expected.join(", ")
    )))
}
