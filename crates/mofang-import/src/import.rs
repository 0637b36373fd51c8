//! From a file to a package.

use std::collections::BTreeMap;

use mofang_nn::{Network, NetworkSpec, StateDict, Strictness, architectures, cpu_device};
use mofang_types::{
    ArchitectureSpec, ArtifactDigest, MANIFEST_FORMAT_VERSION, ModelInput, ModelSignature,
    PackageManifest, Provenance, Task, Tensor, UnixMillis, WEIGHTS_FILE,
};
use serde_json::Value;

use crate::bill_of_materials::{BILL_OF_MATERIALS_FILE, bill_of_materials};
use crate::layers::{Layers, check_published};
use crate::preprocessing::pipeline;
use crate::source::Source;
use crate::{ImportError, ImportOptions, ImportReport, Preset};

/// Most names of weights in a message.
const NAMES_LISTED_MAX: usize = 6;

/// A file and what is said of it.
#[derive(Debug)]
pub struct ImportRequest<'a> {
    /// The name of the file, for provenance and messages.
    pub file_name: &'a str,
    /// The file.
    pub bytes: &'a [u8],
    /// What its owner says of it.
    pub options: &'a ImportOptions,
    /// The time of the import.
    pub created_unix_ms: UnixMillis,
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

/// Makes a package of a file.
///
/// # Errors
/// When the file cannot be read, its architecture is not known, its weights do not fit, or an option
/// cannot be used. Nothing is left behind.
pub fn import(request: &ImportRequest<'_>) -> Result<Import, ImportError> {
    let options = request.options;
    options.check()?;
    if let Some(tokenizer) = &options.tokenizer {
        return crate::texts::import(request, tokenizer);
    }
    let Source {
        format,
        place,
        state,
        layers,
    } = Source::read(request.file_name, request.bytes, options)?;
    check_finite(&state)?;

    let mut warnings = Vec::new();
    if let Some(Layers::Sequential { notes, .. }) = &layers {
        warnings.extend(notes.iter().cloned());
    }
    let spec = specification(options, &state, layers.as_ref())?;
    let network = Network::zeroed(&spec, &cpu_device())?;
    if let Some(Layers::Published { convolutions }) = &layers {
        check_published(convolutions, &network)?;
    }
    let (network, _) = network.load_state(state, Strictness::Exact)?;
    if !answers_finitely(&network)? {
        warnings.push(
            "the network's outputs for an image of zeros are not finite; it may be broken"
                .to_owned(),
        );
    }

    let image_shape = spec.image_shape()?;
    let preset = options.preset.unwrap_or_else(|| {
        let preset = usual_preset(image_shape);
        if options.mean.is_none() || options.std.is_none() {
            warnings.push(assumed_preset(preset));
        }
        preset
    });
    let labels = labels(options, spec.outputs, &mut warnings)?;
    let pipeline = pipeline(options, preset, image_shape, spec.outputs)?;
    pipeline.compile(&labels)?;
    provenance_warnings(options, &mut warnings);

    let weights = network.to_safetensors()?;
    let report = ImportReport {
        format,
        source_digest: ArtifactDigest::of(request.bytes),
        source_size_bytes: request.bytes.len() as u64,
        place,
        architecture: spec.architecture.clone(),
        image_shape: Some(image_shape),
        classes: Some(spec.outputs),
        signature: ModelSignature::image_classifier(image_shape, spec.outputs),
        parameters: network.parameter_count(),
        warnings,
    };
    let bill = bill_of_materials(
        request.file_name,
        options,
        &report,
        &spec,
        &ArtifactDigest::of(&weights),
    );
    let manifest = PackageManifest {
        format_version: MANIFEST_FORMAT_VERSION,
        task: options.task.unwrap_or(Task::ImageClassification),
        signature: report.signature.clone(),
        input: None,
        architecture: spec.architecture,
        // A pipeline is a list of plain values, which JSON always has a form for.
        pipeline: serde_json::to_value(&pipeline).unwrap_or_default(),
        labels,
        metrics: BTreeMap::new(),
        provenance: Provenance {
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
            source_files: BTreeMap::from([(request.file_name.to_owned(), report.source_digest)]),
            ..Provenance::default()
        },
        description: options.description.clone(),
        created_unix_ms: request.created_unix_ms,
        files: Vec::new(),
    };
    let bill = serde_json::to_vec_pretty(&bill).unwrap_or_default();
    Ok(Import {
        manifest,
        files: BTreeMap::from([
            (WEIGHTS_FILE.to_owned(), weights),
            (BILL_OF_MATERIALS_FILE.to_owned(), bill),
        ]),
        report,
    })
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
            found.as_ref().and_then(|found| found.input.image_shape()),
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
        found.input.image_shape(),
        Some(found.outputs),
    )
}

/// The specification with what the options say in place of what was found.
fn complete(
    options: &ImportOptions,
    architecture: ArchitectureSpec,
    image_shape: Option<[usize; 3]>,
    classes: Option<usize>,
) -> Result<NetworkSpec, ImportError> {
    let labels = Some(options.labels.len()).filter(|count| *count > 0);
    Ok(NetworkSpec {
        architecture,
        input: options
            .image_shape
            .or(image_shape)
            .map(ModelInput::image)
            .ok_or(ImportError::Missing {
                what: "the shape of an image",
                option: "image_shape, such as 3x224x224",
            })?,
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

pub(crate) fn check_finite(state: &StateDict) -> Result<(), ImportError> {
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

/// Whether an image of zeros, which every network takes, has an answer.
fn answers_finitely(network: &Network) -> Result<bool, ImportError> {
    let [channels, height, width] = network.spec().image_shape()?;
    let zeros = Tensor::new(
        vec![1, channels, height, width],
        vec![0.0; channels * height * width],
    )
    .map_err(mofang_nn::NnError::from)?;
    let logits = network.infer(&zeros)?;
    Ok(logits.data().iter().all(|logit| logit.is_finite()))
}

/// What weights of this kind are mostly used with.
fn usual_preset(image_shape: [usize; 3]) -> Preset {
    match image_shape {
        [3, 224, 224] => Preset::Imagenet,
        _ => Preset::Plain,
    }
}

fn assumed_preset(preset: Preset) -> String {
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
