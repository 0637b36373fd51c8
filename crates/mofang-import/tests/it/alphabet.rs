//! Folders of language models that know the alphabet: behind a letter comes the next. Their weights are written
//! by hand, so that what they answer is known without another tool.

use std::collections::BTreeMap;

use mofang_data::text::{Template, TokenizerModel, TrainTokenizer, train_tokenizer};
use serde_json::{Map, Value, json};

/// The files of a folder.
pub(crate) type Folder = BTreeMap<String, Vec<u8>>;

/// Weights by name: the shape, and the values row by row.
pub(crate) type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

/// The id of the token behind a text, and those of the first and the last letter.
const END: usize = 3;
const FIRST: usize = 5;
const LAST: usize = 30;

/// Special tokens and letters.
const TOKENS: usize = 31;

/// Values of a token's row: each token has one of its own.
const WIDTH: usize = 32;

/// The token behind another; behind the last letter the text ends, or begins again.
fn next(id: usize, ends: bool) -> usize {
    match id {
        FIRST..LAST => id + 1,
        LAST if ends => END,
        _ => FIRST,
    }
}

fn matrix(
    rows: usize,
    columns: usize,
    value: impl Fn(usize, usize) -> f32,
) -> (Vec<usize>, Vec<f32>) {
    let row = |row| (0..columns).map(move |column| (row, column));
    let values = (0..rows).flat_map(row);
    let values = values.map(|(row, column)| value(row, column));
    (vec![rows, columns], values.collect())
}

fn vector(length: usize, value: f32) -> (Vec<usize>, Vec<f32>) {
    (vec![length], vec![value; length])
}

fn one_hot(row: usize, column: usize) -> f32 {
    f32::from(u8::from(row == column))
}

fn zero(_: usize, _: usize) -> f32 {
    0.0
}

/// `config.json` of the Llama whose text ends behind `z`.
pub(crate) fn llama_config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": TOKENS,
        "hidden_size": WIDTH, "intermediate_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 48, "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0, "rope_scaling": null, "hidden_act": "silu", "attention_bias": false,
        "mlp_bias": false, "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": END,
        "pad_token_id": -1, "use_cache": true,
    })
}

/// Its weights: the outputs know what comes behind a token, and the block adds nothing.
pub(crate) fn llama_weights() -> Weights {
    let head = |row: usize, column: usize| {
        let is_next = column < TOKENS && next(column, true) == row;
        if is_next { 2.0 } else { 0.0 }
    };
    let mut weights = Weights::from([
        (
            "model.embed_tokens.weight".to_owned(),
            matrix(TOKENS, WIDTH, one_hot),
        ),
        ("model.norm.weight".to_owned(), vector(WIDTH, 1.0)),
        ("lm_head.weight".to_owned(), matrix(TOKENS, WIDTH, head)),
    ]);
    for (name, value) in [
        ("input_layernorm", vector(WIDTH, 1.0)),
        ("post_attention_layernorm", vector(WIDTH, 1.0)),
        ("self_attn.q_proj", matrix(WIDTH, WIDTH, zero)),
        ("self_attn.k_proj", matrix(16, WIDTH, zero)),
        ("self_attn.v_proj", matrix(16, WIDTH, zero)),
        ("self_attn.o_proj", matrix(WIDTH, WIDTH, zero)),
        ("mlp.gate_proj", matrix(4, WIDTH, zero)),
        ("mlp.up_proj", matrix(4, WIDTH, zero)),
        ("mlp.down_proj", matrix(WIDTH, 4, zero)),
    ] {
        weights.insert(format!("model.layers.0.{name}.weight"), value);
    }
    weights
}

/// `config.json` of the GPT-2 that begins again behind `z`.
pub(crate) fn gpt2_config() -> Value {
    json!({
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": TOKENS, "n_ctx": 24,
        "n_embd": WIDTH, "n_head": 2, "n_inner": WIDTH, "n_layer": 1, "n_positions": 24,
        "activation_function": "gelu_new", "attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1,
        "layer_norm_epsilon": 1e-5, "scale_attn_weights": true, "bos_token_id": END,
        "eos_token_id": END, "summary_type": "cls_index",
    })
}

/// Its weights: the last layer of the block knows what comes behind a token.
pub(crate) fn gpt2_weights() -> Weights {
    let behind = |row: usize, column: usize| {
        let is_next = row < TOKENS && next(row, false) == column;
        if is_next { 10.0 } else { 0.0 }
    };
    let weights = [
        ("wte.weight", matrix(TOKENS, WIDTH, one_hot)),
        ("wpe.weight", matrix(24, WIDTH, zero)),
        ("h.0.ln_1.weight", vector(WIDTH, 1.0)),
        ("h.0.ln_1.bias", vector(WIDTH, 0.0)),
        ("h.0.attn.c_attn.weight", matrix(WIDTH, 3 * WIDTH, zero)),
        ("h.0.attn.c_attn.bias", vector(3 * WIDTH, 0.0)),
        ("h.0.attn.c_proj.weight", matrix(WIDTH, WIDTH, zero)),
        ("h.0.attn.c_proj.bias", vector(WIDTH, 0.0)),
        ("h.0.ln_2.weight", vector(WIDTH, 1.0)),
        ("h.0.ln_2.bias", vector(WIDTH, 0.0)),
        ("h.0.mlp.c_fc.weight", matrix(WIDTH, WIDTH, one_hot)),
        ("h.0.mlp.c_fc.bias", vector(WIDTH, 0.0)),
        ("h.0.mlp.c_proj.weight", matrix(WIDTH, WIDTH, behind)),
        ("h.0.mlp.c_proj.bias", vector(WIDTH, 0.0)),
        ("ln_f.weight", vector(WIDTH, 1.0)),
        ("ln_f.bias", vector(WIDTH, 0.0)),
    ];
    weights
        .into_iter()
        .map(|(name, value)| (format!("transformer.{name}"), value))
        .collect()
}

/// A file of safetensors. What has four dimensions is a mask, of bytes as some checkpoints have it.
pub(crate) fn safetensors(weights: &Weights) -> Vec<u8> {
    let mut header = Map::new();
    let mut data = Vec::new();
    for (name, (shape, values)) in weights {
        let begin = data.len();
        let dtype = if shape.len() == 4 {
            data.extend(values.iter().map(|value| u8::from(*value > 0.0)));
            "U8"
        } else {
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            "F32"
        };
        let entry = json!({ "dtype": dtype, "shape": shape, "data_offsets": [begin, data.len()] });
        header.insert(name.clone(), entry);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], &header, &data].concat()
}

/// The folder of such a model, which takes the most probable token.
pub(crate) fn folder(config: &Value, weights: &Weights) -> Folder {
    let alphabet = TrainTokenizer {
        model: TokenizerModel::Characters,
        vocabulary_size: TOKENS,
        min_frequency: 1,
        template: Template::Behind,
    };
    let tokenizer = train_tokenizer([LETTERS].into_iter(), alphabet).unwrap();
    let generation = json!({
        "_from_model_config": true, "do_sample": false, "eos_token_id": END, "max_new_tokens": 40,
        "transformers_version": "4.57.1",
    });
    let json = |value: &Value| serde_json::to_vec(value).unwrap();
    [
        ("config.json", json(config)),
        ("generation_config.json", json(&generation)),
        ("model.safetensors", safetensors(weights)),
        ("tokenizer.json", tokenizer),
        ("tokenizer_config.json", b"{}".to_vec()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into()
}

/// The Llama.
pub(crate) fn llama() -> Folder {
    folder(&llama_config(), &llama_weights())
}

/// The GPT-2.
pub(crate) fn gpt2() -> Folder {
    folder(&gpt2_config(), &gpt2_weights())
}
