//! Files of llama2.c, version 0: <https://github.com/karpathy/llama2.c>.

use std::collections::BTreeMap;

use mofang_nn::StateDict;
use mofang_types::Tensor;
use serde_json::{Value, json};

/// The weights of a file under the names and in the order of transformers' Llama, with its configuration and the
/// size of its vocabulary.
pub(crate) fn llama2c(bytes: &[u8]) -> (Value, usize, StateDict) {
    let header: Vec<usize> = bytes[..28]
        .as_chunks::<4>()
        .0
        .iter()
        .map(|size| u32::from_le_bytes(*size) as usize)
        .collect();
    let [
        hidden,
        inner,
        layers,
        heads,
        key_heads,
        vocabulary,
        positions,
    ] = header[..]
    else {
        panic!("{header:?}");
    };
    let mut values = bytes[28..]
        .as_chunks::<4>()
        .0
        .iter()
        .map(|value| f32::from_le_bytes(*value));
    let mut take = |count: usize| values.by_ref().take(count).collect::<Vec<f32>>();
    let head = hidden / heads;
    // Its pairs of values lie beside each other, those of transformers half a head apart.
    let unpaired = |values: Vec<f32>| {
        let mut rows: Vec<Vec<f32>> = Vec::new();
        for head in values.chunks(head * hidden) {
            let own: Vec<&[f32]> = head.chunks(hidden).collect();
            let even = own.iter().step_by(2);
            let odd = own.iter().skip(1).step_by(2);
            rows.extend(even.chain(odd).map(|row| row.to_vec()));
        }
        rows.concat()
    };
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    let mut put = |name: String, shape: &[usize], values: Vec<f32>| {
        tensors.insert(name, Tensor::new(shape.to_vec(), values).unwrap());
    };
    put(
        "model.embed_tokens.weight".to_owned(),
        &[vocabulary, hidden],
        take(vocabulary * hidden),
    );
    let of_keys = key_heads * head;
    for (part, shape) in [
        ("input_layernorm", vec![hidden]),
        ("self_attn.q_proj", vec![hidden, hidden]),
        ("self_attn.k_proj", vec![of_keys, hidden]),
        ("self_attn.v_proj", vec![of_keys, hidden]),
        ("self_attn.o_proj", vec![hidden, hidden]),
        ("post_attention_layernorm", vec![hidden]),
        ("mlp.gate_proj", vec![inner, hidden]),
        ("mlp.down_proj", vec![hidden, inner]),
        ("mlp.up_proj", vec![inner, hidden]),
    ] {
        for layer in 0..layers {
            let values = take(shape.iter().product());
            let is_turned = ["self_attn.q_proj", "self_attn.k_proj"].contains(&part);
            let values = if is_turned { unpaired(values) } else { values };
            put(
                format!("model.layers.{layer}.{part}.weight"),
                &shape,
                values,
            );
        }
    }
    put("model.norm.weight".to_owned(), &[hidden], take(hidden));
    let config = json!({
        "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": key_heads,
        "max_position_embeddings": positions, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
    });
    (config, vocabulary, StateDict::new(tensors))
}
