//! Datasets of texts, and tokenizers against the numbers of the models that they come with.

use std::fs;
use std::path::Path;

use mofang_data::text::{Tokenizer, TokenizerModel, TrainTokenizer, train_tokenizer};
use mofang_data::{
    Catalogue, DataError, Dataset, DatasetStore, Pipeline, PipelineFiles, RawExample,
    RemovalReason, SplitName, SplitSettings,
};
use mofang_types::testing::reference_data;
use mofang_types::{ModelInput, Task};
use serde_json::json;

fn load(name: &str, folder: &str) -> Option<Dataset> {
    let source = reference_data(folder)?;
    let data = tempfile::tempdir().ok()?;
    let store = DatasetStore::new(data.path().to_owned(), Catalogue::builtin().ok()?);
    let pulled = store.pull(name, source.to_str(), &mut |_| ());
    let loaded = pulled.and_then(|()| store.load(name, &SplitSettings::default()));
    match loaded {
        Ok(dataset) => Some(dataset),
        Err(error) => panic!("{name}: {error}"),
    }
}

fn sizes(dataset: &Dataset) -> Vec<usize> {
    dataset.splits.values().map(|split| split.len()).collect()
}

#[test]
fn the_catalogue_s_texts_are_read_cleaned_and_split() {
    for (name, folder, examined, classes) in [
        ("banking77", "text/banking77", 13_083, 77),
        ("sib200-eng-latn", "text/sib200/eng_Latn", 1_004, 7),
        ("sib200-zho-hans", "text/sib200/zho_Hans", 1_004, 7),
        (
            "sentiment-labelled-sentences",
            "text/sentiment-labelled-sentences",
            3_000,
            2,
        ),
        ("sms-spam", "text/sms-spam", 5_574, 2),
    ] {
        let Some(dataset) = load(name, folder) else {
            return;
        };
        assert_eq!(dataset.cleaning.examined, examined, "{name}");
        assert_eq!(dataset.labels.len(), classes, "{name}");
        let kept: usize = sizes(&dataset).iter().sum();
        assert_eq!(kept + dataset.cleaning.removed.len(), examined, "{name}");
        assert_eq!(dataset.splits.len(), 3, "{name}");
        let counts = dataset.cleaning.counts();
        assert!(
            !counts.contains_key(&RemovalReason::Unreadable),
            "{name}: {counts:?}"
        );
        assert!(
            !counts.contains_key(&RemovalReason::MissingLabel),
            "{name}: {counts:?}"
        );
    }
}

#[test]
fn a_file_of_ones_own_is_cleaned_with_a_report_and_its_labels_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let rows = b"kind,message\nb,one text of its own\na,another one\nb,b\xffd\na,another one\na,\nb,third\n";
    fs::write(folder.path().join("own.csv"), rows).unwrap();
    let entry = folder.path().join("own.toml");
    fs::write(
        &entry,
        "name = \"own\"\n[reader]\ntype = \"text\"\ntrain = [\"own.csv\"]\n\
         layout = { text_column = \"message\", label_column = \"kind\" }\n",
    )
    .unwrap();
    let store = DatasetStore::new(folder.path().join("unused"), Catalogue::builtin().unwrap());
    let mut settings = SplitSettings {
        validation_fraction: 0.0,
        test_fraction: 0.0,
        ..SplitSettings::default()
    };
    let dataset = store.load(entry.to_str().unwrap(), &settings).unwrap();
    assert_eq!(dataset.labels, ["a", "b"]);
    assert_eq!(sizes(&dataset), [3]);
    let removed: Vec<(&str, RemovalReason)> = dataset
        .cleaning
        .removed
        .iter()
        .map(|removed| (removed.id.as_str(), removed.reason))
        .collect();
    assert_eq!(
        removed,
        [
            ("own.csv:4", RemovalReason::Unreadable),
            ("own.csv:5", RemovalReason::DuplicateInSplit),
            ("own.csv:6", RemovalReason::Unreadable),
        ]
    );
    settings.clean = false;
    let message = store.load(entry.to_str().unwrap(), &settings).unwrap_err();
    assert!(message.to_string().contains("own.csv:4"), "{message}");
}

const MINILM: &str = "models/safetensors/all-MiniLM-L6-v2-f16";

#[test]
fn minilm_s_tokenizer_gives_the_ids_of_the_reference() {
    let Some(folder) = reference_data(MINILM) else {
        return;
    };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let reference: serde_json::Value =
        serde_json::from_slice(&read("reference_embeddings.json")).unwrap();
    let files = PipelineFiles::from([("tokenizer.json".to_owned(), read("tokenizer.json"))]);
    let pipeline = Pipeline::from_json(&json!({
        "transforms": [
            {"type": "tokenize", "from": "minilm@1", "add_special_tokens": true},
            {"type": "truncate", "length_max": 256},
        ],
        "decoders": [{"type": "embedding"}],
    }))
    .unwrap();
    pipeline.check(Task::Embedding).unwrap();
    let compiled = pipeline.compile_with(&[], &files).unwrap();
    assert_eq!(
        compiled.input(),
        Some(ModelInput::Tokens {
            vocabulary_size: 30_522,
            length_max: 256,
            padding_id: 0
        })
    );
    let items = reference["items"].as_array().unwrap();
    assert_eq!(items.len(), 10);
    for item in items {
        let text = item["text"].as_str().unwrap();
        let ids: Vec<f32> = serde_json::from_value(item["token_ids"].clone()).unwrap();
        let tensor = compiled
            .prepare(&RawExample::Text(text.to_owned()))
            .unwrap();
        assert_eq!(tensor.data(), ids, "{text}");
    }
}

/// Texts of several scripts, with emoji, from right to left, and with accents of their own.
const TEXTS: [&str; 6] = [
    "I am still waiting on my card?",
    "土耳其三面环海：西面是爱琴海，北面是黑海",
    "שלום עולם, ما هي عاصمة فرنسا؟",
    "👩\u{200d}👩\u{200d}👧 party 🎉🎉 e\u{301}te\u{301}",
    "[CLS] and <|endoftext|> are words here",
    "tabs\tand  two spaces",
];

#[expect(
    clippy::unwrap_used,
    reason = "a test cannot go on without its tokenizer"
)]
fn trained(model: TokenizerModel) -> Vec<u8> {
    let settings = TrainTokenizer {
        model,
        vocabulary_size: 600,
        min_frequency: 1,
        template: mofang_data::text::Template::Around,
    };
    train_tokenizer(TEXTS.into_iter(), settings).unwrap()
}

#[test]
fn what_is_cut_comes_back() {
    for (model, is_exact) in [
        (TokenizerModel::Bpe, true),
        (TokenizerModel::Characters, true),
        (TokenizerModel::Wordpiece, false),
        (TokenizerModel::Words, false),
    ] {
        let bytes = trained(model);
        assert_eq!(bytes, trained(model), "{model:?} is trained to other bytes");
        let tokenizer = Tokenizer::from_json(&bytes).unwrap();
        for text in TEXTS {
            let encoded = tokenizer.encode(text, true, 1000).unwrap();
            assert_eq!((encoded.ids[0], *encoded.ids.last().unwrap()), (2, 3));
            assert_eq!(encoded.unknown, 0, "{model:?}: {text}");
            let inner = &encoded.ids[1..encoded.ids.len() - 1];
            assert!(inner.iter().all(|id| *id >= 5), "{model:?}: {text}");
            let back = tokenizer.decode(&encoded.ids).unwrap();
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            if is_exact {
                assert_eq!(back, text, "{model:?}");
            } else {
                assert_eq!(letters(&back), letters(text), "{model:?}");
            }
        }
        // Never seen: bytes know everything, the others say so.
        let unseen = tokenizer.encode("猫ж🦀", false, 1000).unwrap();
        if model == TokenizerModel::Bpe {
            assert_eq!(unseen.unknown, 0);
            assert_eq!(tokenizer.decode(&unseen.ids).unwrap(), "猫ж🦀");
        } else {
            assert_eq!(unseen.unknown, unseen.tokens, "{model:?}");
        }
    }
}

#[test]
fn bytes_that_never_make_a_character_are_told_and_not_kept() {
    let tokenizer = Tokenizer::from_json(&trained(TokenizerModel::Bpe)).unwrap();
    // The byte 0x80, with which no character begins.
    let id = tokenizer.token_to_id("\u{122}").unwrap();
    let mut stream = tokenizer.text_stream(&[]);
    let pieces: Vec<String> = (0..1_000).map(|_| stream.push(id).unwrap()).collect();
    assert!(pieces.iter().any(|piece| !piece.is_empty()));
    let whole = pieces.concat() + &stream.finish().unwrap();
    assert_eq!(whole, "\u{fffd}".repeat(1_000));
}

#[test]
fn an_id_that_no_token_has_stands_for_no_text() {
    let bytes = trained(TokenizerModel::Characters);
    let size = Tokenizer::from_json(&bytes).unwrap().vocabulary_size();
    let mut json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    for id in json["model"]["vocab"].as_object_mut().unwrap().values_mut() {
        if *id == size - 1 {
            *id = (size + 1).into();
        }
    }
    let tokenizer = Tokenizer::from_json(&serde_json::to_vec(&json).unwrap()).unwrap();
    assert_eq!(tokenizer.vocabulary_size(), size + 2);
    let textless: Vec<u32> = tokenizer.textless_ids().collect();
    for id in [size - 1, size] {
        let id = u32::try_from(id).unwrap();
        assert_eq!(tokenizer.id_to_token(id), None);
        assert!(textless.contains(&id), "{id} is not in {textless:?}");
    }
}

#[test]
fn a_text_ends_at_tokens_that_the_tokenizer_has() {
    let bytes = trained(TokenizerModel::Characters);
    let files = PipelineFiles::from([("tokenizer.json".to_owned(), bytes)]);
    let ending_at = |token: &str| {
        let pipeline = Pipeline::from_json(&json!({
            "transforms": [{"type": "tokenize", "from": "tokenizer.json"}],
            "decoders": [{"type": "sample"}, {"type": "stop", "tokens": [token]}, {"type": "detokenize"}],
        }))
        .unwrap();
        pipeline.compile_with(&[], &files)
    };
    let compiled = ending_at("[MASK]").unwrap();
    assert_eq!(compiled.generation().unwrap().stop.tokens, ["[MASK]"]);
    let message = ending_at("<|im_end|>").unwrap_err().to_string();
    assert!(message.contains("no token \"<|im_end|>\""), "{message}");
}

#[test]
fn the_order_of_the_texts_does_not_change_a_tokenizer() {
    for model in [TokenizerModel::Bpe, TokenizerModel::Wordpiece] {
        let settings = TrainTokenizer {
            model,
            vocabulary_size: 300,
            min_frequency: 1,
            template: mofang_data::text::Template::Around,
        };
        let reversed = train_tokenizer(TEXTS.into_iter().rev(), settings).unwrap();
        let bytes = train_tokenizer(TEXTS.into_iter(), settings).unwrap();
        assert_eq!(bytes, reversed);
        let size = Tokenizer::from_json(&bytes).unwrap().vocabulary_size();
        assert!(size <= 300, "{size}");
    }
}

fn compiled(transforms: serde_json::Value) -> Result<mofang_data::CompiledPipeline, DataError> {
    let pipeline = Pipeline::from_json(&json!({
        "transforms": transforms,
        "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 1}, {"type": "labels"}],
    }))?;
    pipeline.check(Task::TextClassification)?;
    let bytes = trained(TokenizerModel::Characters);
    let files = PipelineFiles::from([("tokenizer.json".to_owned(), bytes)]);
    pipeline.compile_with(&["a".to_owned(), "b".to_owned()], &files)
}

#[test]
fn bad_texts_are_refused_and_long_ones_cut_off_with_a_warning() {
    let pipeline = compiled(json!([
        {"type": "clean_text", "strip_markup": true},
        {"type": "tokenize", "model": "characters", "add_special_tokens": true},
        {"type": "truncate", "length_max": 10},
    ]))
    .unwrap();
    let warnings_of = |text: &str| {
        let mut warnings = Vec::new();
        let tensor = pipeline
            .prepare_noting(&RawExample::Text(text.to_owned()), &mut warnings)
            .unwrap();
        (tensor, warnings)
    };
    let (tensor, warnings) = warnings_of("still waiting");
    assert_eq!(tensor.shape(), [10]);
    assert_eq!((tensor.data()[0], tensor.data()[9]), (2.0, 3.0));
    assert_eq!(
        warnings,
        ["the text has 13 tokens; only the first 8 were read"]
    );
    assert!(warnings_of("still").1.is_empty());
    assert!(warnings_of("ЖЖ").1[0].contains("no token of the text"));
    for (input, part) in [
        (RawExample::Text(String::new()), "it is empty"),
        (RawExample::Text(" \u{200b}\t".to_owned()), "it is empty"),
        (RawExample::Text("<br/>".to_owned()), "it is empty"),
        (
            RawExample::Encoded(b"caf\xe9".to_vec()),
            "not UTF-8: byte 0xe9 at 3",
        ),
        (
            RawExample::Text("a".repeat((1 << 20) + 1)),
            "too long: 1048577 bytes",
        ),
    ] {
        let message = pipeline.prepare(&input).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let ids = |ids: &[f32]| {
        let tensor = mofang_types::Tensor::new(vec![ids.len()], ids.to_vec()).unwrap();
        pipeline.prepare(&RawExample::Tensor(tensor))
    };
    assert!(ids(&[2.0, 7.0, 3.0]).is_ok());
    for (wrong, part) in [
        (&[2.5][..], "2.5 is no id"),
        (&[1e6], "is no id"),
        (&[-1.0], "is no id"),
        (&[], "1 to 10 ids"),
        (&[7.0; 11], "1 to 10 ids"),
    ] {
        let message = ids(wrong).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn steps_that_cannot_follow_each_other_are_refused_by_name() {
    let tokenize = json!({"type": "tokenize", "model": "words"});
    for (transforms, part) in [
        (json!([{"type": "clean_text"}]), "needs `tokenize`"),
        (
            json!([tokenize, {"type": "clean_text"}]),
            "`clean_text` stands after",
        ),
        (
            json!([{"type": "truncate", "length_max": 8}, tokenize]),
            "`truncate` stands before",
        ),
        (json!([tokenize, tokenize]), "`tokenize` stands twice"),
        (json!([{"type": "tokenize"}]), "give `model`"),
        (
            json!([{"type": "tokenize", "model": "words", "from": "a@1"}]),
            "give one of them",
        ),
        (
            json!([{"type": "tokenize", "model": "bpe", "vocabulary_size": 100}]),
            "261",
        ),
        (
            json!([{"type": "tokenize", "model": "word"}]),
            "did you mean `words`?",
        ),
        (
            json!([tokenize, {"type": "truncate", "length_max": 0}]),
            "length_max",
        ),
        (
            json!([{"type": "tokenize", "model": "words", "add_special_tokens": true}, {"type": "truncate", "length_max": 2}]),
            "leaves no room",
        ),
        (
            json!([{"type": "decode"}, tokenize]),
            "`decode` takes images",
        ),
        (
            json!([{"type": "decode"}]),
            "text-classification is about texts",
        ),
    ] {
        let message = compiled(transforms).unwrap_err().to_string();
        assert!(message.contains(part), "{part} is not in {message}");
    }
}

#[test]
fn files_that_are_no_tokenizers_are_refused() {
    for bytes in [
        &b"{}"[..],
        b"",
        b"{\"version\": \"1.0\", \"model\": {\"type\": \"BPE\"}}",
    ] {
        let message = Tokenizer::from_json(bytes).unwrap_err().to_string();
        assert!(message.contains("tokenizer.json"), "{message}");
    }
    let folder = Path::new("nowhere").to_string_lossy().into_owned();
    let from = json!([{"type": "tokenize", "from": folder}]);
    let pipeline =
        Pipeline::from_json(&json!({"transforms": from, "decoders": [{"type": "embedding"}]}));
    let split = mofang_data::Split::new(Vec::new());
    let message = pipeline.unwrap().fit(&split).unwrap_err().to_string();
    assert!(message.contains("\"nowhere\""), "{message}");
    let rare = TrainTokenizer {
        model: TokenizerModel::Words,
        vocabulary_size: 100,
        min_frequency: 1000,
        template: mofang_data::text::Template::Around,
    };
    assert!(train_tokenizer(TEXTS.into_iter(), rare).is_err());
    assert_eq!(SplitName::ALL.len(), 3);
}
