//! From the weights of a model of texts, with its tokenizer, to a package.

use std::collections::BTreeMap;

use mofang_data::text::TOKENIZER_FILE;
use mofang_data::transforms::{Tokenize, Truncate};
use mofang_data::{Decoder, Pipeline, PipelineFiles, Transform};
use mofang_nn::{LoadReport, Network, NetworkSpec, Strictness, architectures, cpu_device};
use mofang_types::{
    ArchitectureSpec, ArtifactDigest, MANIFEST_FORMAT_VERSION, ModelInput, ModelSignature,
    PackageManifest, Provenance, Task, Tensor, WEIGHTS_FILE,
};
use serde_json::{Map, Value};

use crate::bill_of_materials::{BILL_OF_MATERIALS_FILE, bill_of_materials};
use crate::import::{Import, ImportRequest, check_finite, labels};
use crate::source::Source;
use crate::{ImportError, ImportOptions, ImportReport};

/// How many classes an answer names.
const TOP_K: usize = 5;

/// Tokens of a text where nobody says how many.
const LENGTH_USUAL: usize = 512;

/// Weights that models carry beside those that an answer is computed with: positions as a table, and
/// the pooling that sentence encoders do not use.
const UNUSED: [&str; 2] = ["position_ids", "pooler.dense."];

/// Makes a package of a file and the tokenizer that the options bring.
pub(crate) fn import(request: &ImportRequest<'_>, tokenizer: &str) -> Result<Import, ImportError> {
    let options = request.options;
    let Source {
        format,
        place,
        state,
        ..
    } = Source::read(request.file_name, request.bytes, options)?;
    check_finite(&state)?;
    let task = options.task.unwrap_or(Task::Embedding);
    if !matches!(task, Task::Embedding | Task::TextClassification) {
        return Err(ImportError::InvalidOption {
            option: "task",
            reason: format!("a model with a tokenizer is not for {task}"),
        });
    }
    let mut warnings = Vec::new();
    let architecture = architecture(options, task)?;
    let outputs = outputs(options, task, &architecture)?;
    let files = PipelineFiles::from([(TOKENIZER_FILE.to_owned(), tokenizer.as_bytes().to_vec())]);
    let pipeline = pipeline(options, task, outputs);
    pipeline.check(task)?;
    let labels = if task == Task::Embedding {
        Vec::new()
    } else {
        labels(options, outputs, &mut warnings)?
    };
    let input = pipeline.compile_with(&labels, &files)?.input();
    let spec = NetworkSpec {
        architecture,
        input: input.ok_or(ImportError::Missing {
            what: "the tokens of a text",
            option: "tokenizer",
        })?,
        outputs,
    };
    let network = Network::zeroed(&spec, &cpu_device())?;
    let (network, loaded) = network.load_state(state, Strictness::Partial)?;
    check_whole(&loaded, &mut warnings)?;
    if !answers_finitely(&network)? {
        warnings
            .push("the network's outputs for a text are not finite; it may be broken".to_owned());
    }
    crate::import::provenance_warnings(options, &mut warnings);

    let weights = network.to_safetensors()?;
    let signature = ModelSignature::of(&spec.input, task, spec.outputs);
    let report = ImportReport {
        format,
        source_digest: ArtifactDigest::of(request.bytes),
        source_size_bytes: request.bytes.len() as u64,
        place,
        architecture: spec.architecture.clone(),
        image_shape: None,
        classes: Some(spec.outputs).filter(|_| task.is_classification()),
        signature: signature.clone(),
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
        task,
        signature,
        input: Some(spec.input),
        architecture: spec.architecture,
        // A pipeline is a list of plain values, which JSON always has a form for.
        pipeline: serde_json::to_value(&pipeline).unwrap_or_default(),
        labels,
        metrics: BTreeMap::new(),
        provenance: Provenance {
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
            source_files: BTreeMap::from([
                (request.file_name.to_owned(), report.source_digest),
                (
                    TOKENIZER_FILE.to_owned(),
                    ArtifactDigest::of(tokenizer.as_bytes()),
                ),
            ]),
            ..Provenance::default()
        },
        description: options.description.clone(),
        created_unix_ms: request.created_unix_ms,
        files: Vec::new(),
    };
    let bill = serde_json::to_vec_pretty(&bill).unwrap_or_default();
    let mut package_files = BTreeMap::from([
        (WEIGHTS_FILE.to_owned(), weights),
        (BILL_OF_MATERIALS_FILE.to_owned(), bill),
    ]);
    package_files.extend(files);
    Ok(Import {
        manifest,
        files: package_files,
        report,
    })
}

/// The architecture that is named. A `config.json` as transformers writes it has more in it than the
/// graph depends on, which is left out.
fn architecture(options: &ImportOptions, task: Task) -> Result<ArchitectureSpec, ImportError> {
    let name = options.architecture.clone().ok_or(ImportError::Missing {
        what: "the architecture of a model of texts",
        option: "architecture, such as bert, with its configuration",
    })?;
    let architecture = architectures::find(&name)?;
    let config = options.architecture_config.clone();
    let mut config = config.unwrap_or_else(|| Value::Object(Map::new()));
    if let Some(table) = config.as_object_mut() {
        let knows = |option: &str| architecture.options().iter().any(|o| o.name == option);
        if table.contains_key("model_type") {
            table.retain(|key, _| knows(key));
        }
        if task == Task::Embedding && knows("head") {
            table.entry("head").or_insert_with(|| "embedding".into());
        }
    }
    Ok(ArchitectureSpec { name, config })
}

/// How many numbers the model gives.
fn outputs(
    options: &ImportOptions,
    task: Task,
    architecture: &ArchitectureSpec,
) -> Result<usize, ImportError> {
    let named = options
        .classes
        .or(Some(options.labels.len()).filter(|count| *count > 0));
    let hidden = architecture
        .config
        .get("hidden_size")
        .and_then(Value::as_u64);
    let hidden = hidden.and_then(|size| usize::try_from(size).ok());
    let (outputs, what, option) = match task {
        Task::Embedding => (
            named.or(hidden),
            "the size of an embedding",
            "hidden_size in the configuration of the architecture",
        ),
        _ => (named, "the number of classes", "classes, or labels"),
    };
    outputs.ok_or(ImportError::Missing { what, option })
}

/// Tokens with the special ones of the tokenizer around them, as the weights were trained.
fn pipeline(options: &ImportOptions, task: Task, outputs: usize) -> Pipeline {
    let positions = options.architecture_config.as_ref();
    let positions = positions.and_then(|config| config.get("max_position_embeddings")?.as_u64());
    let positions = positions.and_then(|length| usize::try_from(length).ok());
    let length_max = options.length_max.or(positions).unwrap_or(LENGTH_USUAL);
    let decoders = if task == Task::Embedding {
        vec![Decoder::Embedding { normalize: true }]
    } else {
        vec![
            Decoder::Softmax {},
            Decoder::TopK {
                k: TOP_K.min(outputs.max(1)),
            },
            Decoder::Labels {},
        ]
    };
    Pipeline {
        transforms: vec![
            Transform::Tokenize(Tokenize::taken_from(TOKENIZER_FILE)),
            Transform::Truncate(Truncate { length_max }),
        ],
        decoders,
    }
}

/// Refuses weights that leave a part of the network as it was, and says what was left out.
fn check_whole(loaded: &LoadReport, warnings: &mut Vec<String>) -> Result<(), ImportError> {
    let is_unused = |name: &String| UNUSED.iter().any(|part| name.contains(part));
    if loaded.missing.is_empty()
        && loaded.mis_shaped.is_empty()
        && loaded.unexpected.iter().all(is_unused)
    {
        if !loaded.unexpected.is_empty() {
            warnings.push(format!(
                "left out, because no answer depends on it: {}",
                loaded.unexpected.join(", ")
            ));
        }
        return Ok(());
    }
    Err(ImportError::DoesNotFit {
        report: loaded.to_string(),
    })
}

/// Whether a text of one token has an answer.
fn answers_finitely(network: &Network) -> Result<bool, ImportError> {
    let ModelInput::Tokens { padding_id, .. } = network.spec().input else {
        return Ok(true);
    };
    // Any id but that of padding.
    let id = if padding_id == 0 { 1.0 } else { 0.0 };
    let text = Tensor::new(vec![1, 1], vec![id]).map_err(mofang_nn::NnError::from)?;
    let outputs = network.infer(&text)?;
    Ok(outputs.data().iter().all(|value| value.is_finite()))
}
