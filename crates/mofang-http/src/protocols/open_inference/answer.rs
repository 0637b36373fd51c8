//! From the rows that a model computed to the outputs that a request asked for.

use mofang_runtime::Predictor;
use mofang_types::{Dimension, Tensor, TensorSpec};

use super::datatype::Datatype;
use crate::ApiError;
use crate::call::ModelCall;

/// An output that a request asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestedOutput {
    pub(super) name: String,
    /// How many of the greatest values are wanted as `value:index:label`, in place of the tensor.
    pub(super) classes: Option<usize>,
    /// Whether the values go behind the JSON; gRPC does not ask.
    pub(super) is_binary: bool,
}

/// An output as every form of the protocol shows it.
#[derive(Debug, PartialEq)]
pub(super) struct OutputTensor {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: OutputValues,
    pub(super) is_binary: bool,
}

/// The values of an output, in row-major order.
#[derive(Debug, PartialEq)]
pub(super) enum OutputValues {
    Floats(Vec<f32>),
    Texts(Vec<String>),
}

impl OutputValues {
    pub(super) fn datatype(&self) -> Datatype {
        match self {
            Self::Floats(_) => Datatype::Fp32,
            Self::Texts(_) => Datatype::Bytes,
        }
    }

    /// The elements in the binary form of the protocol: little-endian, texts behind their length.
    pub(super) fn write(&self, target: &mut Vec<u8>) {
        match self {
            Self::Floats(values) => {
                target.reserve(values.len() * 4);
                target.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            Self::Texts(texts) => {
                for text in texts {
                    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                    target.extend(length.to_le_bytes());
                    target.extend(text.as_bytes());
                }
            }
        }
    }
}

/// Computes the examples and makes of the rows the outputs that were asked for; all of them, when
/// none was named.
pub(super) async fn compute(
    call: &ModelCall,
    predictor: &Predictor,
    examples: Vec<Tensor>,
    requested: Vec<RequestedOutput>,
    default_is_binary: bool,
) -> Result<Vec<OutputTensor>, ApiError> {
    let manifest = predictor.manifest();
    let spec = only(&manifest.signature.outputs, "output")?;
    let requested = if requested.is_empty() {
        vec![RequestedOutput {
            name: spec.name.clone(),
            classes: None,
            is_binary: default_is_binary,
        }]
    } else {
        check_names(&requested, spec)?;
        requested
    };
    // Before the work, for which a wrong request need not wait.
    let rows = call.infer(examples).await?.rows;
    Ok(requested
        .into_iter()
        .map(|output| {
            let (shape, values) = match output.classes {
                Some(classes) => classification(&rows, classes, &manifest.labels),
                None => tensor(&rows, spec),
            };
            OutputTensor {
                name: output.name,
                shape,
                values,
                is_binary: output.is_binary,
            }
        })
        .collect())
}

/// The one input or output that models have so far.
pub(super) fn only<'a>(specs: &'a [TensorSpec], part: &str) -> Result<&'a TensorSpec, ApiError> {
    match specs {
        [spec] => Ok(spec),
        _ => Err(ApiError::not_implemented(format!(
            "the model has {} {part}s; models with one are served by this protocol",
            specs.len()
        ))),
    }
}

fn check_names(requested: &[RequestedOutput], spec: &TensorSpec) -> Result<(), ApiError> {
    for output in requested {
        if output.name != spec.name {
            let unknown: String = output.name.chars().take(80).collect();
            return Err(ApiError::invalid(format!(
                "unexpected output \"{unknown}\"; the model has the output \"{}\"",
                spec.name
            )));
        }
        if output.classes == Some(0) {
            return Err(ApiError::invalid(format!(
                "output \"{}\": classification has to be at least 1",
                spec.name
            )));
        }
    }
    if requested.len() > 1 {
        return Err(ApiError::invalid(format!(
            "output \"{}\" is asked for twice",
            spec.name
        )));
    }
    Ok(())
}

fn tensor(rows: &[Vec<f32>], spec: &TensorSpec) -> (Vec<usize>, OutputValues) {
    let width = rows.first().map_or(0, Vec::len);
    let mut shape = vec![rows.len()];
    match spec.example_shape() {
        Some(inner) if inner.iter().product::<usize>() == width => shape.extend(inner),
        // Outputs at each of some steps.
        None => match spec.shape.as_slice() {
            [_, _, Dimension::Fixed(outputs)] if width.is_multiple_of(*outputs) => {
                shape.extend([width / outputs, *outputs]);
            }
            _ => shape.push(width),
        },
        Some(_) => shape.push(width),
    }
    (shape, OutputValues::Floats(rows.concat()))
}

/// The greatest values of each row as `value:index:label`, greatest first (Triton's classification
/// extension).
fn classification(
    rows: &[Vec<f32>],
    classes: usize,
    labels: &[String],
) -> (Vec<usize>, OutputValues) {
    let width = rows.first().map_or(0, Vec::len);
    let classes = classes.min(width);
    let mut texts = Vec::with_capacity(rows.len() * classes);
    for row in rows {
        let mut order: Vec<(usize, f32)> = row.iter().copied().enumerate().collect();
        order.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        for (index, value) in order.into_iter().take(classes) {
            texts.push(match labels.get(index) {
                Some(label) => format!("{value:.6}:{index}:{label}"),
                None => format!("{value:.6}:{index}"),
            });
        }
    }
    (vec![rows.len(), classes], OutputValues::Texts(texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_come_greatest_first_with_their_labels() {
        let labels = ["a".to_owned(), "b".to_owned()];
        let rows = [vec![0.25, 2.0, -1.0], vec![1.0, 1.0, 0.5]];
        let (shape, values) = classification(&rows, 2, &labels);
        assert_eq!(shape, [2, 2]);
        let expected = [
            "2.000000:1:b",
            "0.250000:0:a",
            "1.000000:0:a",
            "1.000000:1:b",
        ];
        assert_eq!(
            values,
            OutputValues::Texts(expected.map(str::to_owned).to_vec())
        );
        let (shape, values) = classification(&rows, 9, &labels);
        assert_eq!(shape, [2, 3]);
        let OutputValues::Texts(texts) = values else {
            panic!("classes are texts")
        };
        assert_eq!(texts[2], "-1.000000:2");
    }

    #[test]
    fn texts_are_written_behind_their_length() {
        let mut bytes = Vec::new();
        OutputValues::Texts(vec!["ab".to_owned(), String::new()]).write(&mut bytes);
        assert_eq!(bytes, [2, 0, 0, 0, b'a', b'b', 0, 0, 0, 0]);
        let mut bytes = Vec::new();
        OutputValues::Floats(vec![1.0]).write(&mut bytes);
        assert_eq!(bytes, 1.0_f32.to_le_bytes());
    }
}
