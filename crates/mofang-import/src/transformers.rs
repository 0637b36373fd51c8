//! Models as transformers and sentence-transformers keep them: what `config.json` and the files beside it say of
//! the weights of BERT and `ViT`; those of GPT-2 and Llama are below, in `language_model`.

mod language_model;

use std::collections::BTreeMap;

use mofang_data::Pipeline;
use mofang_nn::{NetworkSpec, StateDict};
use mofang_types::{ArchitectureSpec, ModelInput, Task, Tensor};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::files::{CONFIG_FILE, Files, IMAGES_FILE, LENGTH_FILE, MODULES_FILE, TOKENIZER_FILE};
use crate::preprocessing::{Outputs, pipeline};
use crate::{ImportError, ImportOptions, Preset};

/// How many classes an answer names.
const TOP_K: usize = 5;

/// The parts of `config.json` that are the architecture's options, under the same names.
const SAME_OPTIONS: [&str; 10] = [
    "attention_probs_dropout_prob",
    "hidden_act",
    "hidden_dropout_prob",
    "hidden_size",
    "intermediate_size",
    "layer_norm_eps",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "type_vocab_size",
];

/// What the files say of a model, besides its weights.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) spec: NetworkSpec,
    pub(crate) task: Task,
    pub(crate) pipeline: Pipeline,
    pub(crate) labels: Vec<String>,
    /// The files that the pipeline names.
    pub(crate) named: BTreeMap<String, Vec<u8>>,
    /// The weights that the network has, with what it does not have left out.
    pub(crate) state: StateDict,
    /// What was left out or assumed, for people.
    pub(crate) notes: Vec<String>,
}

/// The same of vision transformers.
const SAME_IMAGE_OPTIONS: [&str; 8] = [
    "attention_probs_dropout_prob",
    "hidden_dropout_prob",
    "hidden_size",
    "intermediate_size",
    "layer_norm_eps",
    "num_attention_heads",
    "num_hidden_layers",
    "patch_size",
];

/// The part of `preprocessor_config.json` that is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ImageConfig {
    do_normalize: Option<bool>,
    image_mean: Option<Vec<f32>>,
    image_std: Option<Vec<f32>>,
}

/// `config.json`, as far as it is no option of the architecture.
#[derive(Debug, Deserialize)]
struct Config {
    hidden_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    pad_token_id: Option<usize>,
    position_embedding_type: Option<String>,
    #[serde(default)]
    id2label: BTreeMap<String, String>,
}

/// A step of `modules.json`.
#[derive(Debug, Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    class: String,
}

/// The part of `1_Pooling/config.json` that is read.
#[derive(Debug, Deserialize)]
struct PoolingConfig {
    pooling_mode: Option<String>,
    /// Old versions have a truth value for each mode: `pooling_mode_mean_tokens`.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// The part of `sentence_bert_config.json` that is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LengthConfig {
    max_seq_length: Option<usize>,
}

/// What sentence-transformers does with the rows of a text's tokens.
struct Sentence {
    pooling: &'static str,
    normalize: bool,
}

/// Whether the files are a model of transformers.
pub(crate) fn is_described(files: &Files<'_>) -> bool {
    files.get(CONFIG_FILE).is_some()
}

/// What the files say; `state` is all the weights that there are.
pub(crate) fn describe(
    files: &Files<'_>,
    options: &ImportOptions,
    state: StateDict,
) -> Result<Described, ImportError> {
    let json: Value = read(files, CONFIG_FILE)?.unwrap_or_default();
    let config = || part::<Config>(CONFIG_FILE, &json);
    let model_type = json.get("model_type").and_then(Value::as_str);
    match model_type.unwrap_or("none") {
        "bert" => texts(files, options, state, &json, &config()?),
        "gpt2" => language_model::describe(&language_model::GPT2, files, options, state, &json),
        "llama" => language_model::describe(&language_model::LLAMA, files, options, state, &json),
        "vit" => images(files, options, state, &json, &config()?),
        other => Err(ImportError::Files(format!(
            "{CONFIG_FILE} has the model_type \"{}\"; bert, gpt2, llama and vit are read",
            shortened(other)
        ))),
    }
}

/// A classifier of images.
fn images(
    files: &Files<'_>,
    options: &ImportOptions,
    state: StateDict,
    json: &Value,
    config: &Config,
) -> Result<Described, ImportError> {
    let Some(classes) = classifier_rows(&state) else {
        return Err(ImportError::Files(
            "the weights have no classifier; ViTForImageClassification has one".to_owned(),
        ));
    };
    let mut notes = Vec::new();
    let said: ImageConfig = read(files, IMAGES_FILE)?.unwrap_or_default();
    let mut options = options.clone();
    if files.get(IMAGES_FILE).is_none() && options.mean.is_none() && options.preset.is_none() {
        notes.push(format!(
            "there is no {IMAGES_FILE} to tell how images are prepared: assumed are values from -1 to 1"
        ));
    }
    if options.preset.is_none() {
        let is_normalized = said.do_normalize.unwrap_or(true);
        let usual = |said: Option<Vec<f32>>, plain: f32| match said {
            Some(values) if is_normalized => values,
            Some(_) | None if is_normalized => vec![0.5],
            Some(_) | None => vec![plain],
        };
        options.mean.get_or_insert(usual(said.image_mean, 0.0));
        options.std.get_or_insert(usual(said.image_std, 1.0));
    }
    let side = json
        .get("image_size")
        .and_then(Value::as_u64)
        .unwrap_or(224);
    let channels = json
        .get("num_channels")
        .and_then(Value::as_u64)
        .unwrap_or(3);
    let sizes = [channels, side, side].map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    let image_shape = options.image_shape.unwrap_or(sizes);
    options.image_shape = Some(image_shape);
    options.check()?;

    let mut architecture = json!({});
    for name in SAME_IMAGE_OPTIONS {
        if let Some(value) = json.get(name).filter(|value| !value.is_null()) {
            architecture[name] = value.clone();
        }
    }
    let preset = options.preset.unwrap_or(Preset::Plain);
    Ok(Described {
        spec: NetworkSpec {
            architecture: ArchitectureSpec {
                name: "vit".to_owned(),
                config: architecture,
            },
            input: ModelInput::image(image_shape),
            outputs: classes,
        },
        task: options.task.unwrap_or(Task::ImageClassification),
        pipeline: pipeline(&options, preset, image_shape, classes, Outputs::Logits)?,
        labels: labels(&options, config, classes, &mut notes)?,
        named: BTreeMap::new(),
        state,
        notes,
    })
}

/// A classifier of texts, or an encoder of them.
fn texts(
    files: &Files<'_>,
    options: &ImportOptions,
    state: StateDict,
    json: &Value,
    config: &Config,
) -> Result<Described, ImportError> {
    let positions = config.position_embedding_type.as_deref();
    if let Some(kind) = positions.filter(|kind| *kind != "absolute") {
        return Err(ImportError::Files(format!(
            "{CONFIG_FILE} has the position_embedding_type \"{}\", and \"absolute\" is read",
            shortened(kind)
        )));
    }
    refuse_image_options(options)?;
    let Some(hidden_size) = config.hidden_size else {
        return Err(ImportError::Files(format!(
            "{CONFIG_FILE} has no hidden_size"
        )));
    };
    let mut notes = Vec::new();
    let classes = classifier_rows(&state);
    let sentence = match classes {
        Some(_) => Sentence {
            pooling: "pooler",
            normalize: false,
        },
        None => sentence(files, &mut notes)?,
    };
    let task = options.task.unwrap_or(match classes {
        Some(_) => Task::TextClassification,
        None => Task::Embedding,
    });

    let mut architecture = json!({ "pooling": sentence.pooling });
    architecture["head"] = match classes {
        Some(_) => "classification".into(),
        None => "embedding".into(),
    };
    for name in SAME_OPTIONS {
        if let Some(value) = json.get(name).filter(|value| !value.is_null()) {
            architecture[name] = value.clone();
        }
    }

    let positions = config.max_position_embeddings.unwrap_or(512);
    let length: LengthConfig = read(files, LENGTH_FILE)?.unwrap_or_default();
    let length_max = length.max_seq_length.unwrap_or(positions).min(positions);
    let outputs = classes.unwrap_or(hidden_size);
    let pipeline = text_pipeline(length_max, classes, sentence.normalize)?;
    let labels = match classes {
        Some(classes) => labels(options, config, classes, &mut notes)?,
        None => Vec::new(),
    };
    let tokenizer = tokenizer_file(files)?;
    let input = input(tokenizer, &pipeline, &labels)?;
    if let (Some(own), ModelInput::Tokens { padding_id, .. }) = (config.pad_token_id, &input)
        && own != *padding_id
    {
        notes.push(format!(
            "{CONFIG_FILE} has the pad_token_id {own}, and the tokenizer pads with {padding_id}, \
             which is taken"
        ));
    }
    let state = fitting(state, &input, sentence.pooling, &mut notes)?;
    Ok(Described {
        spec: NetworkSpec {
            architecture: ArchitectureSpec {
                name: "bert".to_owned(),
                config: architecture,
            },
            input,
            outputs,
        },
        task,
        pipeline,
        labels,
        named: BTreeMap::from([(TOKENIZER_FILE.to_owned(), tokenizer.to_vec())]),
        state,
        notes,
    })
}

/// Options that say how images are prepared are of no use for a model of texts.
fn refuse_image_options(options: &ImportOptions) -> Result<(), ImportError> {
    for (given, option) in [
        (options.preset.is_some(), "preset"),
        (options.mean.is_some(), "mean"),
        (options.std.is_some(), "std"),
        (options.image_shape.is_some(), "image_shape"),
    ] {
        if given {
            return Err(ImportError::InvalidOption {
                option,
                reason: "the model takes texts, not images".to_owned(),
            });
        }
    }
    Ok(())
}

/// The tokenizer, without which no text becomes tokens.
fn tokenizer_file<'a>(files: &Files<'a>) -> Result<&'a [u8], ImportError> {
    files.get(TOKENIZER_FILE).ok_or(ImportError::Missing {
        what: "the tokenizer",
        option: "tokenizer.json beside the weights (a tokenizer of transformers writes it by \
                 save_pretrained)",
    })
}

/// The classes of a head for classification, where the weights have one.
fn classifier_rows(state: &StateDict) -> Option<usize> {
    let shape = state.get("classifier.weight").map(Tensor::shape)?;
    shape.first().copied()
}

/// How sentence-transformers pools, and whether it scales.
fn sentence(files: &Files<'_>, notes: &mut Vec<String>) -> Result<Sentence, ImportError> {
    let Some(modules) = read::<Vec<Module>>(files, MODULES_FILE)? else {
        notes.push(format!(
            "there is no {MODULES_FILE} to tell how the rows of a text become one: assumed is their \
             mean, scaled to the length 1"
        ));
        return Ok(Sentence {
            pooling: "mean",
            normalize: true,
        });
    };
    let mut found = Sentence {
        pooling: "mean",
        normalize: false,
    };
    for module in modules {
        let class = module.class.rsplit('.').next().unwrap_or_default();
        match class {
            "Transformer" => {}
            "Normalize" => found.normalize = true,
            "Pooling" => {
                let name = format!("{}/config.json", module.path);
                let Some(config) = read::<PoolingConfig>(files, &name)? else {
                    return Err(ImportError::Files(format!(
                        "{MODULES_FILE} names \"{}\", which is not there",
                        shortened(&name)
                    )));
                };
                found.pooling = config.pooling(&name)?;
            }
            _ => {
                return Err(ImportError::Files(format!(
                    "{MODULES_FILE} has a step of the class \"{}\"; Transformer, Pooling and \
                     Normalize are read",
                    shortened(&module.class)
                )));
            }
        }
    }
    Ok(found)
}

impl PoolingConfig {
    fn pooling(&self, name: &str) -> Result<&'static str, ImportError> {
        let set = self.others.iter().filter(|(_, value)| **value == true);
        let mut modes = set.filter_map(|(name, _)| name.strip_prefix("pooling_mode_"));
        let mode = match (&self.pooling_mode, modes.next(), modes.next()) {
            (Some(mode), _, _) => mode.as_str(),
            (None, Some(mode), None) => mode,
            (None, _, _) => "several modes or none",
        };
        match mode {
            "cls" | "cls_token" => Ok("cls"),
            "mean" | "mean_tokens" => Ok("mean"),
            other => Err(ImportError::Files(format!(
                "\"{}\" pools by {}; cls and mean are read",
                shortened(name),
                shortened(other)
            ))),
        }
    }
}

/// The tokenizer, and what is made of the outputs.
fn text_pipeline(
    length_max: usize,
    classes: Option<usize>,
    normalize: bool,
) -> Result<Pipeline, ImportError> {
    let decoders = match classes {
        None => json!([{ "type": "embedding", "normalize": normalize }]),
        Some(classes) => json!([
            { "type": "softmax" },
            { "type": "top_k", "k": TOP_K.min(classes).max(1) },
            { "type": "labels" },
        ]),
    };
    let pipeline = json!({
        "transforms": [
            { "type": "tokenize", "from": TOKENIZER_FILE, "add_special_tokens": true },
            { "type": "truncate", "length_max": length_max },
        ],
        "decoders": decoders,
    });
    Ok(Pipeline::from_json(&pipeline)?)
}

/// What the tokenizer makes of a text.
fn input(
    tokenizer: &[u8],
    pipeline: &Pipeline,
    labels: &[String],
) -> Result<ModelInput, ImportError> {
    let named = [(TOKENIZER_FILE.to_owned(), tokenizer.to_vec())].into();
    let compiled = pipeline.compile_with(labels, &named)?;
    compiled.input().ok_or(ImportError::Missing {
        what: "the vocabulary",
        option: "a tokenizer.json that has one",
    })
}

/// The weights without heads that the network does not have, and with as many rows of embeddings as there are
/// tokens.
fn fitting(
    state: StateDict,
    input: &ModelInput,
    pooling: &str,
    notes: &mut Vec<String>,
) -> Result<StateDict, ImportError> {
    let ModelInput::Tokens {
        vocabulary_size, ..
    } = input
    else {
        return Ok(state);
    };
    let mut kept = Vec::new();
    let mut left_out = Vec::new();
    for (name, tensor) in state.into_tensors() {
        let own = name.strip_prefix("bert.").unwrap_or(&name);
        let is_pooler = own.starts_with("pooler.") && pooling != "pooler";
        if is_pooler || own.starts_with("cls.") {
            left_out.push(name);
        } else if own == "embeddings.word_embeddings.weight" {
            kept.push((name, first_rows(tensor, *vocabulary_size, notes)?));
        } else {
            kept.push((name, tensor));
        }
    }
    if !left_out.is_empty() {
        notes.push(format!(
            "left out are weights that the answer does not depend on: {}",
            left_out.join(", ")
        ));
    }
    Ok(StateDict::new(kept))
}

/// The rows of as many tokens as there are.
fn first_rows(tensor: Tensor, rows: usize, notes: &mut Vec<String>) -> Result<Tensor, ImportError> {
    let [own, features] = *tensor.shape() else {
        return Ok(tensor);
    };
    if own < rows {
        return Err(ImportError::Files(format!(
            "the tokenizer has {rows} tokens, and the weights have embeddings for {own}"
        )));
    }
    if own > rows {
        notes.push(format!(
            "the weights have embeddings for {own} tokens and the tokenizer has {rows}: those of the \
             others are left out"
        ));
    }
    let mut values = tensor.into_data();
    values.truncate(rows * features);
    let tensor = Tensor::new(vec![rows, features], values);
    Ok(tensor.map_err(mofang_nn::NnError::from)?)
}

/// The labels that are given, or those of `config.json`.
fn labels(
    options: &ImportOptions,
    config: &Config,
    classes: usize,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, ImportError> {
    let own = (0..classes).map(|class| config.id2label.get(&class.to_string()).cloned());
    let own: Option<Vec<String>> = own.collect();
    match own {
        Some(own) if options.labels.is_empty() => Ok(own),
        Some(_) | None => crate::import::labels(options, classes, notes),
    }
}

/// A file of JSON, when it is there.
fn read<T: for<'a> Deserialize<'a>>(
    files: &Files<'_>,
    name: &str,
) -> Result<Option<T>, ImportError> {
    let Some(bytes) = files.get(name) else {
        return Ok(None);
    };
    let value = serde_json::from_slice(bytes);
    value.map(Some).map_err(|error| unreadable(name, &error))
}

fn part<T: for<'a> Deserialize<'a>>(name: &str, json: &Value) -> Result<T, ImportError> {
    T::deserialize(json).map_err(|error| unreadable(name, &error))
}

fn unreadable(name: &str, error: &serde_json::Error) -> ImportError {
    ImportError::Files(format!("\"{}\" cannot be read: {error}", shortened(name)))
}

/// A text of a stranger's file, for a message.
fn shortened(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(120)
        .collect()
}
