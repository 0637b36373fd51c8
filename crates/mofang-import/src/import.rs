//! From a model's files to a package.

use std::collections::BTreeMap;

use mofang_data::Pipeline;
use mofang_host::Placement;
use mofang_nn::{Network, NetworkSpec, StateDict, Strictness, architectures, cpu_device};
use mofang_onnx::OnnxFile;
use mofang_types::{
    ArchitectureSpec, ArtifactDigest, MANIFEST_FORMAT_VERSION, ModelInput, ModelSignature,
    PackageManifest, Provenance, Task, Tensor, UnixMillis, WEIGHTS_FILE,
};
use serde_json::Value;

use crate::bill_of_materials::{BILL_OF_MATERIALS_FILE, Materials, bill_of_materials};
use crate::files::Files;
use crate::layers::{Layers, check_published};
use crate::preprocessing::{Outputs, pipeline};
use crate::source::Source;
use crate::{ImportError, ImportFile, ImportOptions, ImportReport, Preset, transformers};

/// Most names of weights in a message.
const NAMES_LISTED_MAX: usize = 6;

/// A model's files and what is said of them.
#[derive(Debug)]
pub struct ImportRequest<'a> {
    /// The file with the weights, and those beside it that describe them.
    pub files: &'a [ImportFile<'a>],
    /// What their owner says of them.
    pub options: &'a ImportOptions,
    /// The time of the import.
    pub created_unix_ms: UnixMillis,
    /// Where a model is asked that does not run on the house's own engine.
    pub placement: &'a Placement,
}

/// A package, and how it came about.
#[derive(Debug)]
pub struct Import {
    /// The manifest; whoever stores it fills in `files`.
    pub manifest: PackageManifest,
    /// The files by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What was found and what was assumed.
    pub report: ImportReport,
}

/// What an import goes by, besides the weights.
struct Plan {
    spec: NetworkSpec,
    task: Task,
    pipeline: Pipeline,
    labels: Vec<String>,
    /// The files that the pipeline names.
    files: BTreeMap<String, Vec<u8>>,
}

/// Makes a package of a model's files.
///
/// # Errors
/// When a file cannot be read, its architecture is not known, its weights do not fit, or an option
/// cannot be used. Nothing is left behind.
pub fn import(request: &ImportRequest<'_>) -> Result<Import, ImportError> {
    let options = request.options;
    options.check()?;
    // After the length of the header, safetensors are JSON.
    if let [file] = request.files
        && file.bytes.get(8) != Some(&b'{')
        && OnnxFile::is_likely(file.bytes)
    {
        return crate::onnx::import(request, file);
    }
    let files = Files::new(request.files);
    let file = files.weights()?;
    let Source {
        format,
        place,
        state,
        layers,
    } = Source::read(file.name, file.bytes, options)?;
    check_finite(&state)?;

    let mut warnings = Vec::new();
    let (plan, network) = if options.architecture.is_none() && transformers::is_described(&files) {
        described(&files, options, state, &mut warnings)?
    } else {
        recognized(options, state, layers.as_ref(), &mut warnings)?
    };
    if !answers_finitely(&network)? {
        warnings.push(
            "the network's outputs for an input of zeros are not finite; it may be broken"
                .to_owned(),
        );
    }
    plan.pipeline.check(plan.task)?;
    plan.pipeline.compile_with(&plan.labels, &plan.files)?;
    provenance_warnings(options, &mut warnings);

    let weights = network.to_safetensors()?;
    let report = ImportReport {
        format,
        source_digest: ArtifactDigest::of(file.bytes),
        source_size_bytes: file.bytes.len() as u64,
        place,
        architecture: plan.spec.architecture.clone(),
        task: plan.task,
        input: Some(plan.spec.input.clone()),
        outputs: plan.spec.outputs,
        signature: ModelSignature::of(&plan.spec.input, plan.task, plan.spec.outputs),
        parameters: network.parameter_count(),
        warnings,
    };
    let bill = bill_of_materials(&Materials {
        file_name: file.name,
        options,
        report: &report,
        weights: ArtifactDigest::of(&weights),
    });
    Ok(package(request, plan, weights, &bill, report))
}

/// The package of all this.
fn package(
    request: &ImportRequest<'_>,
    plan: Plan,
    weights: Vec<u8>,
    bill: &Value,
    report: ImportReport,
) -> Import {
    let sources = request.files.iter();
    let NetworkSpec {
        architecture,
        input,
        outputs,
    } = plan.spec;
    let manifest = PackageManifest {
        format_version: MANIFEST_FORMAT_VERSION,
        task: plan.task,
        signature: ModelSignature::of(&input, plan.task, outputs),
        input: Some(input).filter(|input| input.image_shape().is_none()),
        architecture,
        // A pipeline is a list of plain values, which JSON always has a form for.
        pipeline: serde_json::to_value(&plan.pipeline).unwrap_or_default(),
        labels: plan.labels,
        metrics: BTreeMap::new(),
        provenance: Provenance {
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
            source_files: sources
                .map(|file| (file.name.to_owned(), ArtifactDigest::of(file.bytes)))
                .collect(),
            ..Provenance::default()
        },
        description: request.options.description.clone(),
        created_unix_ms: request.created_unix_ms,
        files: Vec::new(),
    };
    let mut files = plan.files;
    files.insert(WEIGHTS_FILE.to_owned(), weights);
    let bill = serde_json::to_vec_pretty(bill).unwrap_or_default();
    files.insert(BILL_OF_MATERIALS_FILE.to_owned(), bill);
    Import {
        manifest,
        files,
        report,
    }
}

/// A model that the files beside the weights describe.
fn described(
    files: &Files<'_>,
    options: &ImportOptions,
    state: StateDict,
    warnings: &mut Vec<String>,
) -> Result<(Plan, Network), ImportError> {
    let described = transformers::describe(files, options, state)?;
    warnings.extend(described.notes);
    let network = Network::zeroed(&described.spec, &cpu_device())?;
    let (network, _) = network.load_state(described.state, Strictness::Exact)?;
    let plan = Plan {
        spec: described.spec,
        task: described.task,
        pipeline: described.pipeline,
        labels: described.labels,
        files: described.named,
    };
    Ok((plan, network))
}

/// A model of images that its weights or its module tell, or the options.
fn recognized(
    options: &ImportOptions,
    state: StateDict,
    layers: Option<&Layers>,
    warnings: &mut Vec<String>,
) -> Result<(Plan, Network), ImportError> {
    if let Some(Layers::Sequential { notes, .. }) = layers {
        warnings.extend(notes.iter().cloned());
    }
    let spec = specification(options, &state, layers)?;
    let network = Network::zeroed(&spec, &cpu_device())?;
    if let Some(Layers::Published { convolutions }) = layers {
        check_published(convolutions, &network)?;
    }
    let (network, _) = network.load_state(state, Strictness::Exact)?;
    let image_shape = spec.image_shape()?;
    let preset = options.preset.unwrap_or_else(|| {
        let preset = usual_preset(image_shape);
        if options.mean.is_none() || options.std.is_none() {
            warnings.push(assumed_preset(preset));
        }
        preset
    });
    let labels = labels(options, spec.outputs, warnings)?;
    let plan = Plan {
        pipeline: pipeline(options, preset, image_shape, spec.outputs, Outputs::Logits)?,
        task: options.task.unwrap_or(Task::ImageClassification),
        spec,
        labels,
        files: BTreeMap::new(),
    };
    Ok((plan, network))
}

/// The network: as it is named, as the module tells it, or as the weights show it.
fn specification(
    options: &ImportOptions,
    state: &StateDict,
    layers: Option<&Layers>,
) -> Result<NetworkSpec, ImportError> {
    let shapes = state.shapes();
    if let Some(name) = &options.architecture {
        architectures::find(name)?;
        let found =
            architectures::recognize(&shapes).filter(|found| found.architecture.name == *name);
        let config = match (&options.architecture_config, &found) {
            (Some(config), _) => config.clone(),
            (None, Some(found)) => found.architecture.config.clone(),
            (None, None) => Value::Null,
        };
        return complete(
            options,
            ArchitectureSpec {
                name: name.clone(),
                config,
            },
            found.as_ref().map(|found| found.input.clone()),
            found.as_ref().map(|found| found.outputs),
        );
    }
    if let Some(Layers::Sequential {
        config,
        channels,
        classes,
        side,
        ..
    }) = layers
    {
        let usual = channels
            .zip(*side)
            .map(|(channels, side)| [channels, side, side]);
        let architecture = ArchitectureSpec {
            name: "sequential".to_owned(),
            config: config.clone(),
        };
        let usual = usual.map(ModelInput::image);
        return complete(options, architecture, usual, *classes);
    }
    let Some(found) = architectures::recognize(&shapes) else {
        let names: Vec<&str> = shapes.names().take(NAMES_LISTED_MAX).collect();
        return Err(ImportError::NotRecognized {
            names: format!("{}, …", names.join(", ")),
        });
    };
    complete(
        options,
        found.architecture,
        Some(found.input),
        Some(found.outputs),
    )
}

/// The specification with what the options say in place of what was found.
fn complete(
    options: &ImportOptions,
    architecture: ArchitectureSpec,
    usual: Option<ModelInput>,
    classes: Option<usize>,
) -> Result<NetworkSpec, ImportError> {
    let input = match (options.image_shape, usual) {
        (Some(shape), _) => ModelInput::image(shape),
        (None, Some(input @ ModelInput::Image { .. })) => input,
        (None, Some(ModelInput::Tokens { .. })) => {
            return Err(ImportError::Missing {
                what: "how texts become tokens",
                option: "the folder of the model with its config.json and tokenizer.json",
            });
        }
        (None, Some(ModelInput::Row { .. })) => {
            return Err(ImportError::Missing {
                what: "how the columns of a table become numbers",
                option: "a recipe instead, and train the model",
            });
        }
        (None, None) => {
            return Err(ImportError::Missing {
                what: "the shape of an image",
                option: "image_shape, such as 3x224x224",
            });
        }
    };
    let labels = Some(options.labels.len()).filter(|count| *count > 0);
    Ok(NetworkSpec {
        architecture,
        input,
        outputs: options
            .classes
            .or(classes)
            .or(labels)
            .ok_or(ImportError::Missing {
                what: "the number of classes",
                option: "classes, or labels",
            })?,
    })
}

fn check_finite(state: &StateDict) -> Result<(), ImportError> {
    for name in state.names() {
        let values = state.get(name).map(Tensor::data).unwrap_or_default();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(ImportError::NotFinite {
                name: name.to_owned(),
            });
        }
    }
    Ok(())
}

/// Whether an input of zeros, which every network takes, has an answer.
fn answers_finitely(network: &Network) -> Result<bool, ImportError> {
    let shape = match &network.spec().input {
        ModelInput::Image {
            channels,
            height,
            width,
        } => vec![1, *channels, *height, *width],
        ModelInput::Row {
            numbers,
            categories,
        } => vec![1, numbers + categories.len()],
        ModelInput::Tokens { .. } => vec![1, 1],
    };
    let values = vec![0.0; shape.iter().product()];
    let zeros = Tensor::new(shape, values).map_err(mofang_nn::NnError::from)?;
    let outputs = network.infer(&zeros)?;
    Ok(outputs.data().iter().all(|output| output.is_finite()))
}

/// What weights of this kind are mostly used with.
pub(crate) fn usual_preset(image_shape: [usize; 3]) -> Preset {
    match image_shape {
        [3, 224, 224] => Preset::Imagenet,
        _ => Preset::Plain,
    }
}

pub(crate) fn assumed_preset(preset: Preset) -> String {
    let said = match preset {
        Preset::Imagenet => "that of torchvision's weights for ImageNet (preset imagenet)",
        Preset::Inception => "values from -1 to 1 (preset inception)",
        Preset::Plain => "values from 0 to 1 without normalization (preset plain)",
    };
    format!("the file does not tell how images are prepared: assumed is {said}")
}

/// What nobody can tell from a file.
pub(crate) fn provenance_warnings(options: &ImportOptions, warnings: &mut Vec<String>) {
    if options.license.is_none() {
        warnings.push("no licence is named: say under which the weights may be used".to_owned());
    }
    if options.source.is_none() {
        warnings.push("no source is named: say where the file comes from".to_owned());
    }
}

pub(crate) fn labels(
    options: &ImportOptions,
    classes: usize,
    warnings: &mut Vec<String>,
) -> Result<Vec<String>, ImportError> {
    if options.labels.is_empty() {
        warnings.push(format!(
            "no labels are given: the {classes} classes are called \"class 0\", \"class 1\", …"
        ));
        return Ok((0..classes).map(|class| format!("class {class}")).collect());
    }
    if options.labels.len() != classes {
        return Err(ImportError::InvalidOption {
            option: "labels",
            reason: format!(
                "the network has {classes} classes, and there are {} labels",
                options.labels.len()
            ),
        });
    }
    Ok(options.labels.clone())
}
