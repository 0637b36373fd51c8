//! Folders of language models, as transformers writes them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use mofang_data::RawExample;
use mofang_import::{Import, ImportOptions};
use mofang_nn::{Network, NetworkSpec, Strictness, cpu_device};
use mofang_runtime::{GenerateSettings, Predictor};
use mofang_types::testing::reference_data;
use mofang_types::{
    ArchitectureSpec, Coded as _, ErrorCode, FinishReason, GeneratedText, GenerationOptions,
    ModelInput, Prediction, Sampling, Task,
};
use serde_json::{Value, json};

use crate::alphabet::{
    Folder, Weights, folder, gpt2, gpt2_config, gpt2_weights, llama, llama_config, llama_weights,
};
use crate::llama2c::llama2c;
use crate::transformers::{import_folder, predictor as predictor_of};

fn imported(folder: &Folder) -> Import {
    import_folder(folder, &ImportOptions::default()).unwrap()
}

fn refusal(folder: &Folder) -> String {
    let error = import_folder(folder, &ImportOptions::default()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput, "{error}");
    error.to_string()
}

/// The same folder with another file.
fn with(mut folder: Folder, name: &str, json: &Value) -> Folder {
    folder.insert(name.to_owned(), serde_json::to_vec(json).unwrap());
    folder
}

fn generate(predictor: &Predictor, prompt: &str, options: &GenerationOptions) -> GeneratedText {
    let defaults = predictor.generation().unwrap();
    let settings = GenerateSettings::new(options, defaults, 0);
    let prompt = RawExample::Text(prompt.to_owned());
    let mut told = String::new();
    let mut listen = |piece: &str| {
        told.push_str(piece);
        ControlFlow::Continue(())
    };
    let generated = predictor.generate(&prompt, &settings, &mut Vec::new(), &mut listen);
    let generated = generated.unwrap();
    assert_eq!(told, generated.text);
    generated
}

/// What it goes on with by the settings of the package.
fn text(import: &Import, prompt: &str) -> String {
    generate(&predictor_of(import), prompt, &GenerationOptions::default()).text
}

#[test]
fn a_llama_goes_on_until_its_text_ends() {
    let import = imported(&llama());
    let manifest = &import.manifest;
    assert_eq!(manifest.task, Task::TextGeneration);
    assert_eq!(manifest.labels, Vec::<String>::new());
    assert_eq!(manifest.architecture.name, "llama");
    assert_eq!(
        manifest.architecture.config["tie_word_embeddings"],
        json!(false)
    );
    let input = ModelInput::Tokens {
        vocabulary_size: 31,
        length_max: 48,
        padding_id: 0,
    };
    assert_eq!(manifest.input, Some(input));
    assert_eq!(import.report.outputs, 31);
    let sources = &manifest.provenance.source_files;
    assert!(sources.contains_key("generation_config.json"));
    assert!(!sources.contains_key("tokenizer_config.json"));

    let predictor = predictor_of(&import);
    let example = RawExample::Text("x".to_owned());
    let Prediction::Generation(generated) = predictor.predict(&example, None).unwrap() else {
        panic!("no text");
    };
    let expected = GeneratedText {
        text: "yz".to_owned(),
        finish_reason: FinishReason::Stop,
        prompt_tokens: 2,
        completion_tokens: 3,
    };
    assert_eq!(generated, expected);
    // The end of a text is the beginning of the next.
    let whole = generate(&predictor, "", &GenerationOptions::default());
    assert_eq!(whole.text, "abcdefghijklmnopqrstuvwxyz");
}

#[test]
fn a_gpt2_goes_on_beyond_the_tokens_that_it_takes() {
    let import = imported(&gpt2());
    let input = ModelInput::Tokens {
        vocabulary_size: 31,
        length_max: 24,
        padding_id: 0,
    };
    assert_eq!(import.report.input, Some(input));
    let generated = generate(&predictor_of(&import), "x", &GenerationOptions::default());
    assert_eq!(generated.text, "yzabcdefghijklmnopqrstuvwxyzabcdefghijkl");
    assert_eq!(generated.finish_reason, FinishReason::Length);
    assert_eq!(generated.completion_tokens, 40);
}

#[test]
fn weights_have_the_names_and_buffers_of_any_checkpoint() {
    let expected = imported(&gpt2()).files["model.safetensors"].clone();
    let bare: Weights = gpt2_weights()
        .into_iter()
        .map(|(name, value)| (name.replace("transformer.", ""), value))
        .collect();
    let mut old = gpt2_weights();
    let mask = (vec![1, 1, 24, 24], vec![1.0; 24 * 24]);
    old.insert("transformer.h.0.attn.bias".to_owned(), mask);
    old.insert(
        "transformer.h.0.attn.masked_bias".to_owned(),
        (vec![], vec![-1e4]),
    );
    let table = old["transformer.wte.weight"].clone();
    old.insert("lm_head.weight".to_owned(), table);
    for weights in [bare, old] {
        let import = imported(&folder(&gpt2_config(), &weights));
        assert_eq!(import.files["model.safetensors"], expected);
    }
}

#[test]
fn embeddings_make_the_outputs_where_they_are_tied() {
    let mut config = llama_config();
    config["tie_word_embeddings"] = true.into();
    let mut weights = llama_weights();
    let message = refusal(&folder(&config, &weights));
    assert!(message.contains("other than the embeddings"), "{message}");
    weights.remove("lm_head.weight");
    let import = imported(&folder(&config, &weights));
    assert_eq!(text(&import, "x"), "x".repeat(40));
    // What config.json leaves out is as transformers has it: the outputs of Llama have weights of their own.
    config
        .as_object_mut()
        .unwrap()
        .remove("tie_word_embeddings");
    let message = refusal(&folder(&config, &weights));
    assert!(message.contains("no lm_head.weight"), "{message}");
    let import = imported(&folder(&config, &llama_weights()));
    assert_eq!(text(&import, "x"), "yz");

    let mut weights = gpt2_weights();
    let head = (vec![31, 32], vec![0.5; 31 * 32]);
    weights.insert("lm_head.weight".to_owned(), head);
    let message = refusal(&folder(&gpt2_config(), &weights));
    assert!(message.contains("other than the embeddings"), "{message}");
}

#[test]
fn a_token_that_the_tokenizer_does_not_have_is_never_chosen() {
    // As many checkpoints have it: rows up to a round number, here more probable than any other.
    let mut weights = llama_weights();
    for name in ["model.embed_tokens.weight", "lm_head.weight"] {
        let (shape, values) = weights.get_mut(name).unwrap();
        *shape = vec![40, 32];
        values.resize(40 * 32, 100.0);
    }
    let mut config = llama_config();
    config["vocab_size"] = 40.into();
    let import = imported(&folder(&config, &weights));
    let warnings = import.report.warnings.join("\n");
    assert_eq!(
        warnings.matches("embeddings for 40 tokens").count(),
        1,
        "{warnings}"
    );
    assert_eq!(import.report.outputs, 31);
    assert_eq!(text(&import, "x"), "yz");

    for name in ["model.embed_tokens.weight", "lm_head.weight"] {
        let (shape, values) = weights.get_mut(name).unwrap();
        *shape = vec![30, 32];
        values.truncate(30 * 32);
    }
    let message = refusal(&folder(&config, &weights));
    assert!(
        message.contains("31 tokens") && message.contains("30"),
        "{message}"
    );
}

#[test]
fn the_package_goes_on_as_its_generation_config_says() {
    let generation = json!({
        "do_sample": true, "temperature": 0.7, "top_k": 50, "top_p": 0.9, "min_p": 0.05,
        "repetition_penalty": 1.1, "max_new_tokens": 12, "eos_token_id": [3, 10, 77],
    });
    let import = imported(&with(llama(), "generation_config.json", &generation));
    let warnings = import.report.warnings.join("\n");
    assert!(warnings.contains("the token 77"), "{warnings}");
    let predictor = predictor_of(&import);
    let defaults = predictor.generation().unwrap();
    let expected = Sampling {
        temperature: 0.7,
        top_k: Some(50),
        top_p: Some(0.9),
        min_p: Some(0.05),
        repetition_penalty: Some(1.1),
    };
    assert_eq!(defaults.sampling, expected);
    assert_eq!(defaults.stop.max_tokens, 12);
    // The token 3 ends texts by the tokenizer, and 10 is a letter.
    assert_eq!(defaults.stop.tokens, ["f"]);
    let greedy = GenerationOptions {
        temperature: Some(0.0),
        ..GenerationOptions::default()
    };
    let generated = generate(&predictor, "a", &greedy);
    assert_eq!(generated.text, "bcde");
    assert_eq!(generated.finish_reason, FinishReason::Stop);

    // What transformers writes for "no limit" is none.
    let neutral = json!({
        "do_sample": false, "temperature": 0.6, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0,
    });
    let import = imported(&with(llama(), "generation_config.json", &neutral));
    let predictor = predictor_of(&import);
    let defaults = predictor.generation().unwrap();
    let expected = Sampling {
        temperature: 0.0,
        ..Sampling::default()
    };
    assert_eq!(defaults.sampling, expected);
    assert_eq!(defaults.stop.max_tokens, 256);

    let mut files = llama();
    files.remove("generation_config.json");
    let import = imported(&files);
    let warnings = import.report.warnings.join("\n");
    assert!(
        warnings.contains("a draw at the temperature 1"),
        "{warnings}"
    );
    let defaults = predictor_of(&import).generation().unwrap().clone();
    assert_eq!(defaults.sampling, Sampling::default());

    for (wrong, part) in [
        (json!({ "top_p": -0.5 }), "top_p = -0.5"),
        (json!({ "max_new_tokens": 0 }), "max_tokens"),
        (
            json!({ "temperature": "hot" }),
            "\"generation_config.json\" cannot be read",
        ),
    ] {
        let message = refusal(&with(llama(), "generation_config.json", &wrong));
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
}

#[test]
fn a_long_context_is_read_in_part() {
    let mut config = llama_config();
    config["max_position_embeddings"] = 100_000.into();
    let import = imported(&folder(&config, &llama_weights()));
    let warnings = import.report.warnings.join("\n");
    assert!(
        warnings.contains("100000 tokens, of which 8192"),
        "{warnings}"
    );
    let Some(ModelInput::Tokens { length_max, .. }) = import.report.input else {
        panic!("no tokens");
    };
    assert_eq!(length_max, 8192);
    assert_eq!(text(&import, "x"), "yz");
}

#[test]
fn what_the_network_does_not_compute_is_refused_by_name() {
    let changed = |config: &Value, name: &str, value: &Value| {
        let mut config = config.clone();
        config[name] = value.clone();
        config
    };
    let scaled = json!({ "rope_type": "llama3", "factor": 8.0 });
    let old = json!({ "type": "linear", "factor": 2.0 });
    for (name, value, part) in [
        ("attention_bias", json!(true), "attention_bias \"true\""),
        ("head_dim", json!(8), "head_dim 8"),
        ("hidden_act", json!("gelu"), "hidden_act \"gelu\""),
        ("hidden_size", Value::Null, "no hidden_size"),
        ("hidden_size", json!("32"), "hidden_size"),
        ("mlp_bias", json!(true), "mlp_bias"),
        ("num_hidden_layers", json!(2), "missing"),
        ("num_key_value_heads", json!(3), "no multiple of 3"),
        (
            "quantization_config",
            json!({ "bits": 4 }),
            "quantization_config",
        ),
        (
            "rope_parameters",
            scaled.clone(),
            "rope_parameters \"llama3\"",
        ),
        ("rope_scaling", scaled, "rope_scaling \"llama3\""),
        ("rope_scaling", old, "rope_scaling \"linear\""),
        ("rope_theta", json!(0.5), "rope_theta"),
    ] {
        let files = folder(&changed(&llama_config(), name, &value), &llama_weights());
        let message = refusal(&files);
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
    for (name, value, part) in [
        (
            "activation_function",
            json!("relu"),
            "activation_function \"relu\"",
        ),
        ("add_cross_attention", json!(true), "add_cross_attention"),
        ("n_head", json!(5), "no multiple of 5 heads"),
        ("n_positions", json!(23), "wpe.weight"),
        (
            "scale_attn_by_inverse_layer_idx",
            json!(true),
            "scale_attn_by_inverse_layer_idx",
        ),
        (
            "scale_attn_weights",
            json!(false),
            "scale_attn_weights \"false\"",
        ),
    ] {
        let files = folder(&changed(&gpt2_config(), name, &value), &gpt2_weights());
        let message = refusal(&files);
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
    // Angles that are not scaled are those of every Llama, wherever they are said.
    let plain = json!({ "rope_type": "default", "rope_theta": 500.0 });
    let config = changed(&llama_config(), "rope_parameters", &plain);
    let import = imported(&folder(&config, &llama_weights()));
    assert_eq!(
        import.manifest.architecture.config["rope_theta"],
        json!(500.0)
    );
}

#[test]
fn what_a_folder_lacks_or_an_option_says_is_named() {
    let without = |name: &str| {
        let mut files = llama();
        files.remove(name);
        files
    };
    let mut parts = llama();
    let half = parts["model.safetensors"].clone();
    parts.insert("model-00002-of-00002.safetensors".to_owned(), half);
    for (files, part) in [
        (without("tokenizer.json"), "tokenizer.json"),
        (without("model.safetensors"), "none of them has weights"),
        (parts, "max_shard_size"),
    ] {
        let message = refusal(&files);
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
    for (options, part) in [
        (
            ImportOptions {
                image_shape: Some([3, 8, 8]),
                ..ImportOptions::default()
            },
            "image_shape",
        ),
        (
            ImportOptions {
                labels: vec!["a".to_owned()],
                ..ImportOptions::default()
            },
            "labels",
        ),
        (
            ImportOptions {
                task: Some(Task::TextClassification),
                ..ImportOptions::default()
            },
            "the decoders of text-classification",
        ),
    ] {
        let message = import_folder(&llama(), &options).unwrap_err().to_string();
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
}

/// The tokenizer of llama2.c as transformers has those of Llama: pieces of `SentencePiece`, of which those that come
/// first in the file are put together first.
fn llama2c_tokenizer(bytes: &[u8]) -> Vec<u8> {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let mut pieces: Vec<String> = Vec::new();
    let mut at = 4;
    while at < bytes.len() {
        let (begin, length) = (at + 8, number(at + 4));
        at = begin + length;
        let piece = std::str::from_utf8(&bytes[begin..at]).unwrap();
        // Special tokens stand between ends of lines.
        let is_special = pieces.len() < 3;
        let piece = if is_special { piece.trim() } else { piece };
        pieces.push(piece.replace(' ', "▁"));
    }
    let vocabulary: BTreeMap<&str, usize> = pieces
        .iter()
        .enumerate()
        .map(|(id, piece)| (piece.as_str(), id))
        .collect();
    // Behind the special tokens and the 256 bytes.
    let merges: Vec<[&str; 2]> = pieces[259..]
        .iter()
        .flat_map(|piece| {
            let cuts = piece.char_indices().skip(1);
            cuts.map(move |(at, _)| <[&str; 2]>::from(piece.split_at(at)))
        })
        .filter(|parts| parts.iter().all(|part| vocabulary.contains_key(part)))
        .collect();
    let special = |id: usize| {
        json!({
            "id": id, "content": pieces[id], "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    let sequence = |id: &str| json!({ "Sequence": { "id": id, "type_id": 0 } });
    serde_json::to_vec(&json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(0), special(1), special(2)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                { "type": "Prepend", "prepend": "▁" },
                { "type": "Replace", "pattern": { "String": " " }, "content": "▁" },
            ],
        },
        "pre_tokenizer": null,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "<s>", "type_id": 0 } }, sequence("A")],
            "pair": [sequence("A"), sequence("B")],
            "special_tokens": { "<s>": { "id": "<s>", "ids": [1], "tokens": ["<s>"] } },
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                { "type": "Replace", "pattern": { "String": "▁" }, "content": " " },
                { "type": "ByteFallback" }, { "type": "Fuse" },
                { "type": "Strip", "content": " ", "start": 1, "stop": 0 },
            ],
        },
        "model": {
            "type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
            "vocab": vocabulary, "merges": merges,
        },
    }))
    .unwrap()
}

#[test]
fn a_trained_model_tells_its_published_story() {
    let Some(path) = reference_data("models/llama2c/stories260K.bin") else {
        return;
    };
    let read = |name: &str| std::fs::read(path.with_file_name(name)).unwrap();
    let (mut config, vocabulary_size, state) = llama2c(&read("stories260K.bin"));
    let spec = NetworkSpec {
        architecture: ArchitectureSpec {
            name: "llama".to_owned(),
            config: config.clone(),
        },
        input: ModelInput::Tokens {
            vocabulary_size,
            length_max: 512,
            padding_id: 0,
        },
        outputs: vocabulary_size,
    };
    let network = Network::zeroed(&spec, &cpu_device()).unwrap();
    let (network, _) = network.load_state(state, Strictness::Exact).unwrap();
    config["model_type"] = "llama".into();
    let files: Folder = [
        ("config.json", serde_json::to_vec(&config).unwrap()),
        ("generation_config.json", b"{\"do_sample\": false}".to_vec()),
        ("model.safetensors", network.to_safetensors().unwrap()),
        ("tokenizer.json", llama2c_tokenizer(&read("tok512.bin"))),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into();
    let predictor = predictor_of(&imported(&files));

    let reference: Value = serde_json::from_slice(&read("reference_greedy.json")).unwrap();
    let story = reference["text"].as_str().unwrap();
    let tokens = reference["token_ids"].as_array().unwrap().len();
    let goes_on = |prompt: &str, max_tokens: usize| {
        let options = GenerationOptions {
            max_tokens: Some(max_tokens),
            ..GenerationOptions::default()
        };
        generate(&predictor, prompt, &options)
    };
    let whole = goes_on("", tokens);
    assert_eq!(whole.text, story);
    assert_eq!((whole.prompt_tokens, whole.completion_tokens), (1, tokens));
    // Behind its beginning comes the rest: five tokens with that before a text.
    let beginning = "Once upon a time";
    let rest = goes_on(beginning, tokens - 4);
    assert_eq!(rest.prompt_tokens, 5);
    assert_eq!(Some(rest.text.as_str()), story.strip_prefix(beginning));
}
