//! Networks over texts: their lengths, their padding, and their training.

use mofang_nn::{Network, NetworkSpec, Strictness, cpu_device, step_seed};
use mofang_types::{ArchitectureSpec, Coded, ErrorCode, ModelInput, Tensor};
use serde_json::{Value, json};

fn spec(name: &str, config: Value) -> NetworkSpec {
    NetworkSpec {
        architecture: ArchitectureSpec {
            name: name.to_owned(),
            config,
        },
        input: crate::tokens(),
        outputs: 3,
    }
}

/// Every architecture of texts, with dropout wherever it can be.
fn specs() -> Vec<NetworkSpec> {
    let recurrent = |kind, pooling| {
        spec(
            "recurrent",
            json!({
                "kind": kind, "pooling": pooling, "layers": 2, "bidirectional": true,
                "embedding_size": 8, "hidden_size": 6, "dropout": 0.1, "embedding_dropout": 0.1,
                "recurrent_dropout": 0.2,
            }),
        )
    };
    let bert = |pooling| {
        spec(
            "bert",
            json!({
                "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 2,
                "intermediate_size": 12, "max_position_embeddings": 12, "pooling": pooling,
                "hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.1,
            }),
        )
    };
    vec![
        bert("cls"),
        bert("mean"),
        bert("pooler"),
        NetworkSpec {
            outputs: 40,
            ..spec(
                "gpt2",
                json!({
                    "n_embd": 8, "n_head": 2, "n_layer": 2, "n_positions": 12, "embd_pdrop": 0.2,
                }),
            )
        },
        NetworkSpec {
            outputs: 40,
            ..spec(
                "llama",
                json!({
                    "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 2,
                    "num_key_value_heads": 1, "intermediate_size": 12,
                    "tie_word_embeddings": false,
                }),
            )
        },
        recurrent("gru", "last"),
        recurrent("lstm", "max"),
        recurrent("lstm", "mean"),
        spec(
            "text_cnn",
            json!({
                "embedding_size": 8, "filters": 5, "widths": [2, 4], "dropout": 0.3,
                "embedding_dropout": 0.1,
            }),
        ),
    ]
}

/// Texts of these lengths, filled up with the padding 0 to `length`.
#[expect(clippy::cast_precision_loss, reason = "ids are small")]
fn texts(lengths: &[usize], length: usize) -> Tensor {
    let ids = lengths.iter().enumerate().flat_map(|(text, own)| {
        (0..length).map(move |place| {
            if place < *own {
                ((text * 7 + place * 5) % 39 + 1) as f32
            } else {
                0.0
            }
        })
    });
    Tensor::new(vec![lengths.len(), length], ids.collect()).unwrap()
}

#[test]
fn a_text_is_answered_alike_alone_and_beside_longer_ones() {
    for spec in specs() {
        let network = Network::new(&spec, 3, &cpu_device()).unwrap();
        let lengths = [3, 1, 12, 6];
        let together = network.infer(&texts(&lengths, 12)).unwrap();
        for (text, length) in lengths.into_iter().enumerate() {
            let row = texts(&lengths, 12).data()[text * 12..text * 12 + length].to_vec();
            let alone = Tensor::new(vec![1, length], row).unwrap();
            let alone = network.infer(&alone).unwrap();
            let outputs = spec.outputs;
            let expected = &together.data()[text * outputs..(text + 1) * outputs];
            mofang_types::testing::assert_close(alone.data(), expected, 1e-5);
        }
        // A text without tokens has an answer too.
        let nothing = network.infer(&texts(&[0, 2], 4)).unwrap();
        assert!(nothing.data().iter().all(|value| value.is_finite()));
    }
}

/// A few steps of plain gradient descent from `first` on.
fn train(mut network: Network, first: u64, last: u64) -> Network {
    let device = network.device().unwrap();
    for step in first..last {
        let input = network.input(texts(&[3, 9, 5, 1], 9), &device).unwrap();
        let outputs = network.forward_train(input, step_seed(5, step));
        let loss = outputs.powf_scalar(2.0).mean_dim(1).mean();
        let mut gradients = network.gradients(&loss.backward()).unwrap();
        network = network
            .map_values(&mut |info, old| {
                let gradient = gradients.remove(&info.name)?;
                let pairs = old.iter().zip(gradient.data());
                Some(pairs.map(|(value, slope)| value - 0.1 * slope).collect())
            })
            .unwrap();
    }
    network
}

#[test]
fn rel_1_training_repeats_bit_for_bit_and_across_a_save() {
    let device = cpu_device().autodiff();
    for spec in specs() {
        let name = &spec.architecture.name;
        let fresh = || Network::new(&spec, 3, &device).unwrap();
        let whole = train(fresh(), 0, 4).to_safetensors().unwrap();
        assert_eq!(whole, train(fresh(), 0, 4).to_safetensors().unwrap());
        let half = train(fresh(), 0, 2).to_safetensors().unwrap();
        let load = || {
            fresh()
                .load_safetensors(&half, Strictness::Exact)
                .unwrap()
                .0
        };
        assert_eq!(
            whole,
            train(load(), 2, 4).to_safetensors().unwrap(),
            "{name}"
        );
        // The masks matter, where there are any.
        if name != "llama" {
            let shifted = train(load(), 3, 5).to_safetensors().unwrap();
            assert_ne!(whole, shifted, "{name}");
        }
    }
}

#[test]
fn the_padding_begins_as_zeros_and_is_not_learned() {
    let device = cpu_device().autodiff();
    for spec in specs() {
        let network = train(Network::new(&spec, 3, &device).unwrap(), 0, 2);
        let values = network.values().unwrap();
        // GPT-2 has no row for padding.
        let table = [
            "bert.embeddings.word_embeddings.weight",
            "embedding.weight",
            "model.embed_tokens.weight",
        ];
        let Some(table) = table.iter().find_map(|name| values.get(*name)) else {
            assert_eq!(spec.architecture.name, "gpt2");
            continue;
        };
        assert_eq!(table.shape(), [40, 8]);
        assert!(table.data()[..8].iter().all(|value| *value == 0.0));
        assert!(table.data()[8..].iter().all(|value| *value != 0.0));
    }
}

#[test]
fn impossible_configurations_are_refused() {
    for (name, config, part) in [
        ("text_cnn", json!({"widths": []}), "widths"),
        ("text_cnn", json!({"widths": [0]}), "a width of 0"),
        ("text_cnn", json!({"widths": [5000]}), "5000"),
        ("text_cnn", json!({"filters": 0}), "0 channels"),
        ("text_cnn", json!({"filters": usize::MAX}), "values"),
        ("text_cnn", json!({"width": 3}), "did you mean \"widths\"?"),
        ("text_cnn", json!({"dropout": 1.0}), "dropout"),
        ("recurrent", json!({"kind": "rnn"}), "rnn"),
        ("recurrent", json!({"layers": 0}), "layers"),
        ("recurrent", json!({"layers": 65}), "layers"),
        ("recurrent", json!({"hidden_size": 0}), "a state of 0"),
        ("recurrent", json!({"hidden_size": usize::MAX}), "values"),
        ("recurrent", json!({"pooling": "first"}), "first"),
        (
            "bert",
            json!({"hidden_size": 10, "num_attention_heads": 3}),
            "no multiple of 3",
        ),
        (
            "bert",
            json!({"num_attention_heads": 0}),
            "0 attention heads",
        ),
        ("bert", json!({"num_hidden_layers": 257}), "257 layers"),
        (
            "bert",
            json!({"max_position_embeddings": 11}),
            "up to 12 tokens",
        ),
        ("bert", json!({"hidden_act": "sin"}), "no hidden_act"),
        ("bert", json!({"head": "embedding"}), "an embedding has"),
        ("bert", json!({"layer_norm_eps": 0.0}), "epsilon"),
        ("bert", json!({"vocab_size": 5}), "no option \"vocab_size\""),
        (
            "lenet",
            json!({}),
            "takes images, not up to 12 tokens of 40",
        ),
    ] {
        let error = Network::new(&spec(name, config), 1, &cpu_device()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        let message = error.to_string();
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
    let mut images = spec("text_cnn", json!({}));
    images.input = ModelInput::image([1, 8, 8]);
    let error = Network::new(&images, 1, &cpu_device()).unwrap_err();
    assert!(error.to_string().contains("takes texts"), "{error}");
}

#[test]
fn ids_beyond_the_vocabulary_and_the_context_are_named() {
    let spec = spec("text_cnn", json!({}));
    let network = Network::new(&spec, 1, &cpu_device()).unwrap();
    for (shape, ids, part) in [
        (vec![1, 2], vec![3.0, 40.0], "40 is not the id of a token"),
        (vec![1, 2], vec![3.0, 0.5], "0.5 is not"),
        (vec![1, 2], vec![-1.0, 3.0], "-1 is not"),
        (vec![1, 13], vec![1.0; 13], "up to 12 tokens"),
        (vec![1, 0], vec![], "up to 12 tokens"),
    ] {
        let batch = Tensor::new(shape, ids).unwrap();
        let error = network.infer(&batch).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn an_encoder_is_read_with_and_without_the_prefix_of_its_head() {
    let small = json!({
        "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1,
        "intermediate_size": 12, "max_position_embeddings": 12,
    });
    let of = |head: &str, outputs| {
        let mut config = small.clone();
        config["head"] = head.into();
        let spec = NetworkSpec {
            outputs,
            ..spec("bert", config)
        };
        Network::new(&spec, outputs as u64, &cpu_device()).unwrap()
    };
    let (classifier, encoder) = (of("classification", 3), of("embedding", 8));
    let from_encoder = encoder.to_safetensors().unwrap();
    let partial = Strictness::Partial;
    let (loaded, report) = classifier
        .clone()
        .load_safetensors(&from_encoder, partial)
        .unwrap();
    assert_eq!(report.missing, ["classifier.weight", "classifier.bias"]);
    assert!(report.unexpected.is_empty() && report.mis_shaped.is_empty());
    let name = "encoder.layer.0.attention.self.query.weight";
    let values = loaded.values().unwrap();
    assert_eq!(
        values[&format!("bert.{name}")],
        encoder.values().unwrap()[name]
    );

    let from_classifier = classifier.to_safetensors().unwrap();
    let (loaded, report) = encoder.load_safetensors(&from_classifier, partial).unwrap();
    assert!(report.missing.is_empty(), "{report}");
    assert_eq!(report.unexpected, ["classifier.bias", "classifier.weight"]);
    let before = classifier.values().unwrap();
    assert_eq!(
        loaded.values().unwrap()[name],
        before[&format!("bert.{name}")]
    );
}
