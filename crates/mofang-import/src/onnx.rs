//! ONNX models: the signature is read from the graph, and what the graph does not tell is asked of the
//! model itself, where models run, before anything is published.

use std::collections::BTreeMap;

use mofang_data::Pipeline;
use mofang_host::{Placement, TensorModel, TensorModelConfig};
use mofang_onnx::{
    Dimension as OnnxDimension, ElementType, ModelDescription, OnnxError, OnnxFile,
    ValueDescription, ValueKind, unsupported_operators,
};
use mofang_types::{
    ArchitectureSpec, ArtifactDigest, DType, Dimension, MANIFEST_FORMAT_VERSION, ModelInput,
    ModelSignature, ONNX_FILE, PackageManifest, Provenance, Task, Tensor, TensorSpec,
};

use crate::bill_of_materials::{BILL_OF_MATERIALS_FILE, Materials, bill_of_materials};
use crate::import::{assumed_preset, labels, provenance_warnings, usual_preset};
use crate::preprocessing::{Outputs, pipeline};
use crate::{
    FileFormat, Import, ImportError, ImportFile, ImportOptions, ImportReport, ImportRequest,
};

/// How far answers for an example alone and within a batch may be from each other.
const BATCH_TOLERANCE: f32 = 1e-3;

/// Most numbers of an example that a model is asked about. They are made in this process, several
/// examples at once, and a file of some bytes can name any size.
const PROBE_ELEMENTS_MAX: usize = 1 << 26;

/// Makes a package of an ONNX model: of images and classes, or of tensors as they are.
pub(crate) fn import(
    request: &ImportRequest<'_>,
    file: &ImportFile<'_>,
) -> Result<Import, ImportError> {
    let options = request.options;
    refuse_options(options)?;
    let graph = OnnxFile::read(file.bytes)?;
    if matches!(request.placement, Placement::Here) {
        refuse_operators(&graph)?;
    }
    match options.task.unwrap_or_default() {
        Task::ImageClassification => image_classifier(request, file, graph.description()),
        Task::Tensor => tensors(request, file, graph.description()),
        task @ (Task::AudioClassification
        | Task::Embedding
        | Task::SpeechRecognition
        | Task::TabularClassification
        | Task::TabularRegression
        | Task::TextClassification
        | Task::TextGeneration) => Err(ImportError::InvalidOption {
            option: "task",
            reason: format!(
                "ONNX models are imported for image-classification and tensor, not for {task}"
            ),
        }),
    }
}

fn image_classifier(
    request: &ImportRequest<'_>,
    file: &ImportFile<'_>,
    description: &ModelDescription,
) -> Result<Import, ImportError> {
    let options = request.options;
    let image = Image::of(description, options)?;
    let mut warnings = Vec::new();
    let config = TensorModelConfig {
        opset: description.opset_version("").unwrap_or(0),
        input: image.input.clone(),
        output: output(description, options, &mut warnings)?,
        batching: image.batching,
        channels_last: image.channels_last,
    };
    let asked = Asked::of(
        request.placement,
        file,
        config,
        &image.shape,
        DType::F32,
        &mut warnings,
    )?;
    let classes: usize = asked.sizes.iter().product();
    let outputs = if classes > 1 && asked.are_probabilities {
        Outputs::Probabilities
    } else {
        Outputs::Logits
    };

    let preset = options.preset.unwrap_or_else(|| {
        let preset = usual_preset(image.shape);
        if options.mean.is_none() || options.std.is_none() {
            warnings.push(assumed_preset(preset));
        }
        preset
    });
    let labels = labels(options, classes, &mut warnings)?;
    let pipeline = pipeline(options, preset, image.shape, classes, outputs)?;
    pipeline.compile(&labels)?;
    let signature = ModelSignature {
        inputs: vec![spec(&asked.config.input, DType::F32, &image.shape)],
        outputs: vec![spec(&asked.config.output, DType::F32, &[classes])],
    };
    Ok(package(
        request,
        file,
        description,
        Found {
            config: asked.config,
            signature,
            image_shape: Some(image.shape),
            outputs: classes,
            pipeline,
            labels,
        },
        warnings,
    ))
}

/// A model of any one tensor and any one answer, as they are.
fn tensors(
    request: &ImportRequest<'_>,
    file: &ImportFile<'_>,
    description: &ModelDescription,
) -> Result<Import, ImportError> {
    let options = request.options;
    for (option, given) in [
        ("image_shape", options.image_shape.is_some()),
        ("labels", !options.labels.is_empty()),
        ("preset", options.preset.is_some()),
        ("mean", options.mean.is_some()),
        ("std", options.std.is_some()),
    ] {
        if given {
            return Err(ImportError::InvalidOption {
                option,
                reason: "a model of tensors takes and gives numbers as they are".to_owned(),
            });
        }
    }
    let input = only_input(description).map_err(ImportError::Unservable)?;
    let refused =
        |reason: &str| ImportError::Unservable(format!("its input \"{}\" {reason}", input.name));
    let ValueKind::Tensor {
        element_type,
        shape: Some(shape),
    } = &input.kind
    else {
        return Err(refused("does not say how many dimensions it has"));
    };
    let Some((batch, rest)) = shape.split_first() else {
        return Err(refused("has no dimension for examples"));
    };
    let sizes: Vec<usize> = rest
        .iter()
        .map(|dimension| match dimension {
            OnnxDimension::Fixed(size) => Ok(*size),
            OnnxDimension::Named(_) | OnnxDimension::Unknown => Err(refused(
                "has an open size besides that of the batch; export the model with sizes that are \
                 fixed",
            )),
        })
        .collect::<Result<_, _>>()?;
    let batching = match batch {
        OnnxDimension::Fixed(1) => false,
        OnnxDimension::Fixed(count) => {
            return Err(refused(&format!(
                "takes {count} examples at once, no fewer; export the model with an open batch \
                 dimension"
            )));
        }
        OnnxDimension::Named(_) | OnnxDimension::Unknown => true,
    };
    let dtype = if matches!(element_type, ElementType::Int64 | ElementType::Int32) {
        DType::I64
    } else {
        DType::F32
    };
    let mut warnings = Vec::new();
    let config = TensorModelConfig {
        opset: description.opset_version("").unwrap_or(0),
        input: input.name.clone(),
        output: output(description, options, &mut warnings)?,
        batching,
        channels_last: false,
    };
    let asked = Asked::of(
        request.placement,
        file,
        config,
        &sizes,
        dtype,
        &mut warnings,
    )?;
    let signature = ModelSignature {
        inputs: vec![spec(&asked.config.input, dtype, &sizes)],
        outputs: vec![spec(&asked.config.output, DType::F32, &asked.sizes)],
    };
    Ok(package(
        request,
        file,
        description,
        Found {
            config: asked.config,
            signature,
            image_shape: None,
            outputs: asked.sizes.iter().product(),
            pipeline: Pipeline {
                transforms: Vec::new(),
                decoders: Vec::new(),
            },
            labels: Vec::new(),
        },
        warnings,
    ))
}

/// What is known of a model in the end.
struct Found {
    config: TensorModelConfig,
    signature: ModelSignature,
    image_shape: Option<[usize; 3]>,
    /// Numbers for one example.
    outputs: usize,
    pipeline: Pipeline,
    labels: Vec<String>,
}

fn package(
    request: &ImportRequest<'_>,
    file: &ImportFile<'_>,
    description: &ModelDescription,
    found: Found,
    mut warnings: Vec<String>,
) -> Import {
    let options = request.options;
    provenance_warnings(options, &mut warnings);
    let report = ImportReport {
        format: FileFormat::Onnx,
        source_digest: ArtifactDigest::of(file.bytes),
        source_size_bytes: file.bytes.len() as u64,
        place: String::new(),
        architecture: ArchitectureSpec {
            name: "onnx".to_owned(),
            // A configuration is plain values, which JSON always has a form for.
            config: serde_json::to_value(&found.config).unwrap_or_default(),
        },
        task: options.task.unwrap_or_default(),
        input: found.image_shape.map(ModelInput::image),
        outputs: found.outputs,
        signature: found.signature,
        parameters: usize::try_from(description.parameters).unwrap_or(usize::MAX),
        warnings,
    };
    let bill = bill_of_materials(&Materials {
        file_name: file.name,
        options,
        report: &report,
        weights: report.source_digest,
    });
    let manifest = PackageManifest {
        format_version: MANIFEST_FORMAT_VERSION,
        task: options.task.unwrap_or_default(),
        signature: report.signature.clone(),
        input: None,
        architecture: report.architecture.clone(),
        pipeline: serde_json::to_value(&found.pipeline).unwrap_or_default(),
        labels: found.labels,
        metrics: BTreeMap::new(),
        provenance: Provenance {
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
            source_files: BTreeMap::from([(file.name.to_owned(), report.source_digest)]),
            ..Provenance::default()
        },
        description: options.description.clone(),
        created_unix_ms: request.created_unix_ms,
        files: Vec::new(),
    };
    Import {
        manifest,
        files: BTreeMap::from([
            (ONNX_FILE.to_owned(), file.bytes.to_vec()),
            (
                BILL_OF_MATERIALS_FILE.to_owned(),
                serde_json::to_vec_pretty(&bill).unwrap_or_default(),
            ),
        ]),
        report,
    }
}

/// A tensor with these sizes behind the batch.
fn spec(name: &str, dtype: DType, sizes: &[usize]) -> TensorSpec {
    let mut shape = vec![Dimension::Named("batch".to_owned())];
    shape.extend(sizes.iter().copied().map(Dimension::Fixed));
    TensorSpec {
        name: name.to_owned(),
        dtype,
        shape,
    }
}

fn only_input(description: &ModelDescription) -> Result<&ValueDescription, String> {
    match description.inputs.as_slice() {
        [input] => Ok(input),
        inputs => {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            Err(format!(
                "it has {} inputs ({}), and models of one are served so far",
                names.len(),
                names.join(", ")
            ))
        }
    }
}

/// What a process of its own refuses by itself: each node is put before the engine, and that is not done
/// where a server could fall with it.
fn refuse_operators(file: &OnnxFile<'_>) -> Result<(), ImportError> {
    let unsupported = unsupported_operators(file)?;
    if unsupported.is_empty() {
        Ok(())
    } else {
        Err(OnnxError::UnsupportedOperators(unsupported).into())
    }
}

/// A graph is its own architecture.
fn refuse_options(options: &ImportOptions) -> Result<(), ImportError> {
    if options.architecture.is_some() {
        return Err(ImportError::InvalidOption {
            option: "architecture",
            reason: "an ONNX model is a graph of its own".to_owned(),
        });
    }
    Ok(())
}

/// The images that a graph takes.
struct Image {
    input: String,
    /// `[channels, height, width]`
    shape: [usize; 3],
    channels_last: bool,
    /// Whether the graph says that it takes several at once.
    batching: bool,
}

impl Image {
    fn of(description: &ModelDescription, options: &ImportOptions) -> Result<Self, ImportError> {
        let input = only_input(description).map_err(ImportError::UnsupportedGraph)?;
        let refused = |reason: &str| {
            ImportError::UnsupportedGraph(format!("its input \"{}\" {reason}", input.name))
        };
        let sizes = image_sizes(input)?;
        let [batch, rest @ ..] = sizes;
        let batching = match batch {
            None => true,
            Some(1) => false,
            Some(count) => {
                return Err(refused(&format!(
                    "takes {count} images at once, no fewer; export the model with an open batch \
                     dimension"
                )));
            }
        };
        let is_channels = |size: Option<usize>| matches!(size, Some(1 | 3));
        let [first, second, third] = rest;
        let (channels, height, width, channels_last) = if is_channels(first) {
            (first, second, third, false)
        } else if is_channels(third) {
            (third, first, second, true)
        } else {
            return Err(refused(
                "is no image: neither its second nor its last dimension is 1 or 3 channels",
            ));
        };
        let mut shape = [0; 3];
        for (index, size) in [channels, height, width].into_iter().enumerate() {
            let said = options.image_shape.map(|said| said.map(Some)[index]);
            shape[index] = match (size, said.flatten()) {
                (Some(size), Some(said)) if size != said => {
                    return Err(ImportError::InvalidOption {
                        option: "image_shape",
                        reason: format!("the graph takes {size} where it says {said}"),
                    });
                }
                (Some(size), _) | (None, Some(size)) => size,
                (None, None) => {
                    return Err(ImportError::Missing {
                        what: "the shape of an image",
                        option: "image_shape, such as 3x224x224",
                    });
                }
            };
        }
        Ok(Self {
            input: input.name.clone(),
            shape,
            channels_last,
            batching,
        })
    }
}

/// The four sizes of an image input; `None` for those that are open.
fn image_sizes(input: &ValueDescription) -> Result<[Option<usize>; 4], ImportError> {
    let refused = |reason: String| {
        ImportError::UnsupportedGraph(format!("its input \"{}\" {reason}", input.name))
    };
    let ValueKind::Tensor {
        element_type,
        shape,
    } = &input.kind
    else {
        return Err(refused("is no tensor".to_owned()));
    };
    let floats = [
        ElementType::Float,
        ElementType::Float16,
        ElementType::Double,
    ];
    if !floats.contains(element_type) {
        return Err(refused(format!(
            "has elements of type {element_type}, and images are numbers of type float here"
        )));
    }
    let sizes: Vec<Option<usize>> = shape
        .iter()
        .flatten()
        .map(|dimension| match dimension {
            OnnxDimension::Fixed(size) => Some(*size),
            OnnxDimension::Named(_) | OnnxDimension::Unknown => None,
        })
        .collect();
    let count = sizes.len();
    sizes.try_into().map_err(|_| {
        refused(format!(
            "has {count} dimensions, and an image is [batch, channels, height, width]"
        ))
    })
}

/// The output that is the answer: the only one; the one with as many numbers as there are labels; the
/// first.
fn output(
    description: &ModelDescription,
    options: &ImportOptions,
    warnings: &mut Vec<String>,
) -> Result<String, ImportError> {
    let outputs = &description.outputs;
    let labels = options.labels.len();
    let has_labels = |output: &&ValueDescription| {
        matches!(
            &output.kind,
            ValueKind::Tensor { shape: Some(shape), .. }
                if labels > 0 && shape.last() == Some(&OnnxDimension::Fixed(labels))
        )
    };
    let chosen = outputs
        .iter()
        .find(has_labels)
        .or_else(|| outputs.first())
        .ok_or_else(|| ImportError::UnsupportedGraph("it has no outputs".to_owned()))?;
    if outputs.len() > 1 {
        let others: Vec<String> = outputs
            .iter()
            .filter(|output| output.name != chosen.name)
            .map(|output| format!("\"{}\"", output.name))
            .collect();
        warnings.push(format!(
            "the answer is the output \"{}\"; {} not served",
            chosen.name,
            match others.as_slice() {
                [one] => format!("{one} is"),
                _ => format!("{} are", others.join(", ")),
            }
        ));
    }
    Ok(chosen.name.clone())
}

/// What the model itself tells.
struct Asked {
    config: TensorModelConfig,
    /// The sizes of an answer for one example.
    sizes: Vec<usize>,
    are_probabilities: bool,
}

impl Asked {
    /// Asks the model about one example and about two at once.
    fn of(
        placement: &Placement,
        file: &ImportFile<'_>,
        mut config: TensorModelConfig,
        sizes: &[usize],
        dtype: DType,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ImportError> {
        let model = TensorModel::load(&placement.in_background(), file.bytes, config.clone())?;
        let alone = [probe(sizes, dtype, 1, 0)?, probe(sizes, dtype, 1, 1)?]
            .iter()
            .map(|example| model.infer(example))
            .collect::<Result<Vec<Tensor>, _>>()?;
        let answer = alone
            .first()
            .and_then(|answer| answer.shape().get(1..))
            .unwrap_or_default()
            .to_vec();
        if answer.iter().product::<usize>() == 0 {
            return Err(ImportError::Unservable(format!(
                "it answers an example with a tensor of shape {answer:?}"
            )));
        }
        if alone.iter().any(|answer| !is_finite(answer)) {
            warnings.push(
                "the model's outputs for an example of small numbers are not finite; it may be \
                 broken"
                    .to_owned(),
            );
        }
        if config.batching {
            let both = model.infer(&probe(sizes, dtype, 2, 0)?);
            let expected: Vec<f32> = alone
                .iter()
                .flat_map(|answer| answer.data().to_vec())
                .collect();
            config.batching = both.is_ok_and(|both| is_close(both.data(), &expected));
            if !config.batching {
                warnings.push(
                    "the model does not answer two examples at once as it answers each alone: they \
                     are computed one by one"
                        .to_owned(),
                );
            }
        }
        Ok(Self {
            config,
            are_probabilities: alone.iter().all(are_probabilities),
            sizes: answer,
        })
    }
}

/// Examples of small numbers, each with others; of whole ones 0 and 1.
fn probe(sizes: &[usize], dtype: DType, count: usize, first: u8) -> Result<Tensor, ImportError> {
    let elements = sizes
        .iter()
        .try_fold(1_usize, |product, size| product.checked_mul(*size))
        .filter(|elements| *elements <= PROBE_ELEMENTS_MAX)
        .ok_or_else(|| {
            ImportError::Unservable(format!(
                "an example of the shape {sizes:?} is larger than {PROBE_ELEMENTS_MAX} numbers"
            ))
        })?;
    let mut values = Vec::new();
    for example in (first..).take(count) {
        let mut state = u32::from(example) + 1;
        let next = || {
            // A linear congruential generator, Numerical Recipes: any numbers will do.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = f32::from(u16::try_from(state >> 16).unwrap_or(0)) / 32_768.0 - 1.0;
            match dtype {
                DType::F32 => value,
                DType::I64 => f32::from(u8::from(value > 0.0)),
            }
        };
        values.extend(std::iter::repeat_with(next).take(elements));
    }
    let mut shape = vec![count];
    shape.extend_from_slice(sizes);
    Tensor::new(shape, values).map_err(|error| ImportError::Unservable(error.to_string()))
}

/// Whether an answer is a distribution, as a softmax at the end of the graph gives it.
fn are_probabilities(answer: &Tensor) -> bool {
    let values = answer.data();
    values.iter().all(|value| (0.0..=1.0).contains(value))
        && (values.iter().sum::<f32>() - 1.0).abs() < BATCH_TOLERANCE
}

fn is_finite(answer: &Tensor) -> bool {
    answer.data().iter().all(|value| value.is_finite())
}

fn is_close(actual: &[f32], expected: &[f32]) -> bool {
    actual.len() == expected.len()
        && actual.iter().zip(expected).all(|(actual, expected)| {
            (actual - expected).abs() <= BATCH_TOLERANCE * expected.abs().max(1.0)
        })
}
