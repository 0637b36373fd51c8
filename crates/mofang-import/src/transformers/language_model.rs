//! Language models as transformers keeps them: `GPT2LMHeadModel` and `LlamaForCausalLM`.
//!
//! A part of `config.json` that changes what is computed, and that the network does not know, is refused by
//! name. How texts go on is said by `generation_config.json`, where there is one.

use std::collections::BTreeMap;

use mofang_data::text::Tokenizer;
use mofang_data::transforms::{Tokenize, Truncate};
use mofang_data::{Decoder, Pipeline, StopRule, Transform};
use mofang_nn::{NetworkSpec, StateDict};
use mofang_types::{ArchitectureSpec, ModelInput, Sampling, Task};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Described, first_rows, input, read, refuse_image_options, shortened, tokenizer_file};
use crate::files::{CONFIG_FILE, Files, GENERATION_FILE, TOKENIZER_FILE};
use crate::{ImportError, ImportOptions};

/// Most tokens that are read of a text: the keys and values of more would take more memory than the weights of
/// the models that a processor answers for in time.
const LENGTH_MAX: usize = 8192;

/// The weights of the outputs, where they are not the embeddings.
const HEAD: &str = "lm_head.weight";

/// What is particular to a kind of language model.
pub(super) struct Family {
    /// The architecture here.
    architecture: &'static str,
    /// The class of transformers.
    class: &'static str,
    /// Options of the architecture that `config.json` has to say.
    required: &'static [&'static str],
    /// Options that it may leave out: transformers then has the same value as the architecture.
    optional: &'static [&'static str],
    /// Parts of it that the network has no option for, with the values that it computes by.
    fixed: &'static [(&'static str, &'static [&'static str])],
    /// The option with the most tokens of a text, and its value where it is left out.
    positions: (&'static str, usize),
    /// Whether the embeddings make the outputs where `config.json` does not say it.
    is_tied: bool,
    /// Whether the outputs may have weights of their own.
    may_have_head: bool,
    /// What stands before the names of all weights but those of the outputs.
    prefix: &'static str,
    /// The embeddings of tokens.
    embeddings: &'static str,
}

/// GPT-2.
pub(super) const GPT2: Family = Family {
    architecture: "gpt2",
    class: "GPT2LMHeadModel",
    required: &[],
    optional: &[
        "embd_pdrop",
        "layer_norm_epsilon",
        "n_embd",
        "n_head",
        "n_inner",
        "n_layer",
        "resid_pdrop",
    ],
    fixed: &[
        ("activation_function", &["gelu_new", "gelu_pytorch_tanh"]),
        ("add_cross_attention", &["false"]),
        ("quantization_config", &[]),
        ("scale_attn_by_inverse_layer_idx", &["false"]),
        ("scale_attn_weights", &["true"]),
    ],
    positions: ("n_positions", 1024),
    is_tied: true,
    may_have_head: false,
    prefix: "transformer.",
    embeddings: "wte.weight",
};

/// Llama.
pub(super) const LLAMA: Family = Family {
    architecture: "llama",
    class: "LlamaForCausalLM",
    required: &[
        "hidden_size",
        "intermediate_size",
        "num_attention_heads",
        "num_hidden_layers",
    ],
    optional: &["num_key_value_heads", "rms_norm_eps"],
    fixed: &[
        ("attention_bias", &["false"]),
        ("hidden_act", &["silu", "swish"]),
        ("mlp_bias", &["false"]),
        ("partial_rotary_factor", &["1", "1.0"]),
        ("quantization_config", &[]),
        ("rope_interleaved", &["false"]),
    ],
    positions: ("max_position_embeddings", 2048),
    is_tied: false,
    may_have_head: true,
    prefix: "model.",
    embeddings: "embed_tokens.weight",
};

/// The part of `generation_config.json` that is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GenerationConfig {
    do_sample: Option<bool>,
    eos_token_id: Option<Ids>,
    max_new_tokens: Option<usize>,
    min_p: Option<f64>,
    repetition_penalty: Option<f64>,
    temperature: Option<f64>,
    top_k: Option<usize>,
    top_p: Option<f64>,
}

/// Ids of tokens.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Ids {
    One(i64),
    Several(Vec<i64>),
}

/// What the files say of a language model; `state` is all the weights that there are.
pub(super) fn describe(
    family: &Family,
    files: &Files<'_>,
    options: &ImportOptions,
    state: StateDict,
    json: &Value,
) -> Result<Described, ImportError> {
    refuse_image_options(options)?;
    for (given, option) in [
        (options.classes.is_some(), "classes"),
        (!options.labels.is_empty(), "labels"),
    ] {
        if given {
            return Err(ImportError::InvalidOption {
                option,
                reason: "a language model has tokens, which its tokenizer names".to_owned(),
            });
        }
    }
    family.check(json)?;
    let (key, usual) = family.positions;
    let positions = said(json, key)?.unwrap_or(usual);
    let is_tied = said(json, "tie_word_embeddings")?.unwrap_or(family.is_tied);
    let mut architecture = json!({});
    for name in family.required.iter().chain(family.optional) {
        if let Some(value) = json.get(*name).filter(|value| !value.is_null()) {
            architecture[*name] = value.clone();
        }
    }
    architecture[key] = positions.into();
    if let Some(base) = rope_theta(json)? {
        architecture["rope_theta"] = base;
    }
    if family.may_have_head {
        architecture["tie_word_embeddings"] = is_tied.into();
    }

    let mut notes = Vec::new();
    if positions > LENGTH_MAX {
        notes.push(format!(
            "the model takes texts of up to {positions} tokens, of which {LENGTH_MAX} are read at most"
        ));
    }
    let tokenizer = tokenizer_file(files)?;
    let generation: GenerationConfig = read(files, GENERATION_FILE)?.unwrap_or_default();
    let decoders = decoders(
        generation,
        json,
        &Tokenizer::from_json(tokenizer)?,
        &mut notes,
    )?;
    let length_max = positions.min(LENGTH_MAX);
    let pipeline = Pipeline {
        transforms: vec![
            Transform::Tokenize(Tokenize::taken_from(TOKENIZER_FILE)),
            Transform::Truncate(Truncate { length_max }),
        ],
        decoders,
    };
    let input = input(tokenizer, &pipeline, &[])?;
    let ModelInput::Tokens {
        vocabulary_size, ..
    } = input
    else {
        return Err(ImportError::Files(format!(
            "a language model takes texts, and the pipeline makes {input}"
        )));
    };
    let state = family.fitting(state, is_tied, vocabulary_size, &mut notes)?;
    Ok(Described {
        spec: NetworkSpec {
            architecture: ArchitectureSpec {
                name: family.architecture.to_owned(),
                config: architecture,
            },
            input,
            outputs: vocabulary_size,
        },
        task: options.task.unwrap_or(Task::TextGeneration),
        pipeline,
        labels: Vec::new(),
        named: BTreeMap::from([(TOKENIZER_FILE.to_owned(), tokenizer.to_vec())]),
        state,
        notes,
    })
}

impl Family {
    /// That `config.json` says what it has to, and nothing that the network does not compute.
    fn check(&self, json: &Value) -> Result<(), ImportError> {
        let given = |name: &str| json.get(name).filter(|value| !value.is_null());
        if let Some(name) = self.required.iter().find(|name| given(name).is_none()) {
            return Err(ImportError::Files(format!("{CONFIG_FILE} has no {name}")));
        }
        for (name, values) in self.fixed {
            let Some(value) = given(name) else {
                continue;
            };
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            if values.contains(&value.as_str()) {
                continue;
            }
            let way_out = match values {
                [] => "which is not read".to_owned(),
                values => format!("and {} is read", values.join(" or ")),
            };
            return Err(ImportError::Files(format!(
                "{CONFIG_FILE} has the {name} \"{}\", {way_out}",
                shortened(&value)
            )));
        }
        let sizes: [Option<usize>; 3] = [
            said(json, "head_dim")?,
            said(json, "num_attention_heads")?,
            said(json, "hidden_size")?,
        ];
        if let [Some(size), Some(heads), Some(hidden_size)] = sizes
            && size.checked_mul(heads) != Some(hidden_size)
        {
            return Err(ImportError::Files(format!(
                "{CONFIG_FILE} has the head_dim {size}, and {heads} such heads are not its hidden_size of \
                 {hidden_size}"
            )));
        }
        Ok(())
    }

    /// The weights without a head that is the embeddings, and with as many rows as there are tokens: one that
    /// the tokenizer does not have could be chosen otherwise.
    fn fitting(
        &self,
        state: StateDict,
        is_tied: bool,
        vocabulary_size: usize,
        notes: &mut Vec<String>,
    ) -> Result<StateDict, ImportError> {
        let class = self.class;
        let is_table =
            |name: &str| name.strip_prefix(self.prefix).unwrap_or(name) == self.embeddings;
        let table = state.names().find(|name| is_table(name));
        let Some(table) = table.and_then(|name| state.get(name)) else {
            return Err(ImportError::Files(format!(
                "the weights have no {}, which {class} has",
                self.embeddings
            )));
        };
        let has_head = self.may_have_head && !is_tied;
        match state.get(HEAD) {
            None if has_head => {
                return Err(ImportError::Files(format!(
                    "the weights have no {HEAD}, which {class} has where tie_word_embeddings is false"
                )));
            }
            Some(head) if !has_head && head != table => {
                return Err(ImportError::Files(format!(
                    "the weights have a {HEAD} other than the embeddings, with which {} makes its outputs{}",
                    self.architecture,
                    if is_tied {
                        " where tie_word_embeddings is true"
                    } else {
                        ""
                    }
                )));
            }
            Some(_) | None => {}
        }
        let mut kept = Vec::new();
        for (name, tensor) in state.into_tensors() {
            let tensor = if is_table(&name) {
                first_rows(tensor, vocabulary_size, notes)?
            } else if name != HEAD {
                tensor
            } else if has_head {
                // That rows are left out is said once.
                first_rows(tensor, vocabulary_size, &mut Vec::new())?
            } else {
                continue;
            };
            kept.push((name, tensor));
        }
        Ok(StateDict::new(kept))
    }
}

/// A part of `config.json`, where it is there and not null.
fn said<T: for<'a> Deserialize<'a>>(json: &Value, name: &str) -> Result<Option<T>, ImportError> {
    let Some(value) = json.get(name) else {
        return Ok(None);
    };
    Option::deserialize(value).map_err(|error| {
        ImportError::Files(format!(
            "{CONFIG_FILE} has a {name} that cannot be read: {error}"
        ))
    })
}

/// The base of the angles of positions, where `config.json` says it. Angles that are scaled are refused.
fn rope_theta(json: &Value) -> Result<Option<Value>, ImportError> {
    // Since transformers 5 all about them is in one place.
    let [scaling, parameters] = ["rope_scaling", "rope_parameters"].map(|name| {
        let value = json.get(name).filter(|value| !value.is_null());
        value.map(|value| (name, value))
    });
    for (name, value) in scaling.iter().chain(&parameters) {
        let kind = value.get("rope_type").or_else(|| value.get("type"));
        let kind = kind.and_then(Value::as_str).unwrap_or("none");
        if kind != "default" {
            return Err(ImportError::Files(format!(
                "{CONFIG_FILE} has the {name} \"{}\", and \"default\" is read",
                shortened(kind)
            )));
        }
    }
    let base = parameters.and_then(|(_, value)| value.get("rope_theta"));
    let base = base.or_else(|| json.get("rope_theta"));
    Ok(base.filter(|base| !base.is_null()).cloned())
}

/// How texts go on.
fn decoders(
    generation: GenerationConfig,
    json: &Value,
    tokenizer: &Tokenizer,
    notes: &mut Vec<String>,
) -> Result<Vec<Decoder>, ImportError> {
    if generation.do_sample.is_none() && generation.temperature.is_none() {
        notes.push(
            "nothing tells how the next token is chosen: assumed is a draw at the temperature 1"
                .to_owned(),
        );
    }
    let sampling = generation.sampling();
    let max_tokens = generation.max_new_tokens;
    let ids = match generation.eos_token_id {
        Some(ids) => Some(ids),
        None => said(json, "eos_token_id")?,
    };
    let usual = StopRule::default();
    let stop = StopRule {
        max_tokens: max_tokens.unwrap_or(usual.max_tokens),
        tokens: ends(ids, tokenizer, notes),
        ..usual
    };
    Ok(vec![
        Decoder::Sample(sampling),
        Decoder::Stop(stop),
        Decoder::Detokenize {},
    ])
}

impl GenerationConfig {
    /// How the next token is chosen. Numbers by which transformers changes nothing are left out.
    fn sampling(&self) -> Sampling {
        let usual = Sampling::default();
        Sampling {
            temperature: match self.do_sample {
                Some(false) => 0.0,
                Some(true) | None => self.temperature.unwrap_or(usual.temperature),
            },
            top_k: self.top_k.filter(|top_k| *top_k > 0),
            top_p: self.top_p.filter(|top_p| *top_p < 1.0),
            min_p: self.min_p.filter(|min_p| *min_p > 0.0),
            repetition_penalty: self
                .repetition_penalty
                .filter(|penalty| (penalty - 1.0).abs() > f64::EPSILON),
        }
    }
}

/// The tokens that end a text, besides those that do so by the tokenizer.
fn ends(ids: Option<Ids>, tokenizer: &Tokenizer, notes: &mut Vec<String>) -> Vec<String> {
    let ids = match ids {
        None => Vec::new(),
        Some(Ids::One(id)) => vec![id],
        Some(Ids::Several(ids)) => ids,
    };
    let mut tokens = Vec::new();
    for id in ids {
        let own = u32::try_from(id).ok();
        let is_known = own.is_some_and(|id| {
            tokenizer.end_id() == Some(id) || tokenizer.beginning().contains(&id)
        });
        if is_known {
            continue;
        }
        match own.and_then(|id| tokenizer.id_to_token(id)) {
            Some(token) => tokens.push(token),
            None => notes.push(format!(
                "texts shall end by the token {id}, which the tokenizer does not have"
            )),
        }
    }
    tokens
}
