//! A run of a language model: windows of texts in place of examples.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_data::text::Tokenizer;
use mofang_data::{
    Catalogue, CleaningReport, Dataset, Example, RawExample, Split, SplitName, Target,
};
use mofang_train::{NoObserver, Recipe, Resume, RunStatus, TrainError, TrainOutcome};
use mofang_types::{ModelInput, Task};

use crate::support::{StopAt, run_over};

const RECIPE: &str = r#"
format_version = 1

[model]
name = "counting"
task = "text-generation"

[data]
dataset = "counting"

[pipeline]
transforms = [
    { type = "tokenize", model = "characters", min_frequency = 1, add_special_tokens = true },
    { type = "truncate", length_max = 12 },
]
decoders = [{ type = "sample", temperature = 0.0 }, { type = "detokenize" }]

[architecture]
name = "gpt2"

[architecture.config]
n_layer = 1
n_head = 2
n_embd = 16
n_positions = 12
embd_pdrop = 0.1
resid_pdrop = 0.1

[train]
seed = 3
batch_size = 4
clip_norm = 1.0
optimizer = { name = "adamw", learning_rate = 0.02 }
checkpoint_every_steps = 4
final_weights = "best"

[train.stop]
epochs = 3
"#;

/// Documents that count in one of two ways.
fn split(count: usize, first: usize) -> Arc<Split> {
    let examples = (first..first + count)
        .map(|number| {
            let words = [
                ["one", "two", "three", "four"],
                ["ein", "zwei", "drei", "vier"],
            ][number % 2];
            let words: Vec<&str> = (0..3 + number % 5).map(|place| words[place % 4]).collect();
            Example {
                id: format!("counting:{number}"),
                input: RawExample::Text(words.join(" ")),
                target: Target::NextTokens,
            }
        })
        .collect();
    Arc::new(Split::new(examples))
}

fn dataset() -> Arc<Dataset> {
    let catalogue = Catalogue::builtin().unwrap();
    Arc::new(Dataset {
        name: "counting".to_owned(),
        labels: Vec::new(),
        splits: BTreeMap::from([
            (SplitName::Train, split(60, 0)),
            (SplitName::Validation, split(10, 100)),
            (SplitName::Test, split(10, 200)),
        ]),
        cleaning: CleaningReport::default(),
        entry: catalogue.entry("tinyshakespeare").unwrap().clone(),
    })
}

fn run(text: &str, run_dir: &Path, resume: Resume) -> Result<TrainOutcome, TrainError> {
    let recipe = Recipe::parse(text)?;
    let stop = Arc::new(AtomicBool::new(false));
    run_over(dataset(), recipe, run_dir, resume, stop, &mut NoObserver)
}

#[test]
fn rel_1_a_language_model_ends_with_the_same_bits_when_interrupted_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run(RECIPE, &folder.path().join("whole"), Resume::Fresh).unwrap();
    let again = run(RECIPE, &folder.path().join("again"), Resume::Fresh).unwrap();
    assert_eq!(whole.weights, again.weights);
    assert_eq!(whole.evaluation, again.evaluation);
    let run_dir = folder.path().join("parts");
    for step in [3_u64, 10, 31] {
        let stop = Arc::new(AtomicBool::new(false));
        let mut observer = StopAt {
            step,
            stop: Arc::clone(&stop),
        };
        let recipe = Recipe::parse(RECIPE).unwrap();
        let resume = Resume::Latest;
        let outcome = run_over(dataset(), recipe, &run_dir, resume, stop, &mut observer).unwrap();
        assert_eq!(outcome.status, RunStatus::Interrupted { step });
    }
    let resumed = run(RECIPE, &run_dir, Resume::Latest).unwrap();
    assert_eq!(whole.weights, resumed.weights);
}

#[test]
fn a_language_model_is_judged_by_its_tokens_beside_trigrams() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = RECIPE.replace("epochs = 3", "epochs = 30");
    let outcome = run(&recipe, folder.path(), Resume::Fresh).unwrap();
    let evaluation = outcome.evaluation.clone().unwrap();
    let value = |name: &str| evaluation.metrics[name];
    // What is left is which language a document is in and where it ends.
    assert!(value("cross_entropy") < 0.5, "{:?}", evaluation.metrics);
    assert!((value("perplexity") - value("cross_entropy").exp()).abs() < 1e-9);
    let test = dataset().splits[&SplitName::Test].clone();
    let text_of = |example: &Example| match &example.input {
        RawExample::Text(text) => text.len(),
        RawExample::Encoded(_)
        | RawExample::Pixels(_)
        | RawExample::Row(_)
        | RawExample::Tensor(_) => 0,
    };
    let bytes: usize = test.examples().iter().map(text_of).sum();
    // A token for each character, one behind each document, and the first is not asked for.
    assert_eq!(evaluation.examples, bytes + test.len() - 1);
    let [tokens, bytes] = [evaluation.examples, bytes].map(|count| u32::try_from(count).unwrap());
    let bits = value("cross_entropy") * f64::from(tokens) / std::f64::consts::LN_2;
    assert!((value("bits_per_byte") - bits / f64::from(bytes)).abs() < 1e-9);
    let trigrams = &evaluation.baselines["interpolated trigrams"];
    // Three characters tell nearly as much of such texts.
    assert!((0.05..1.0).contains(&trigrams["cross_entropy"]));
    assert!(!trigrams.contains_key("token_accuracy"));
    let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(report.contains("tokens)") && report.contains("| perplexity |"));
    let [low, high] = evaluation.intervals["perplexity"];
    assert!(low < value("perplexity") && value("perplexity") < high);
    assert!(report.contains("resamples of the windows"), "{report}");
    assert!(!folder.path().join("confusion.svg").exists());

    let (manifest, files) = outcome.into_package();
    assert_eq!(manifest.task, Task::TextGeneration);
    assert!(manifest.labels.is_empty());
    let tokenizer = Tokenizer::from_json(&files["tokenizer.json"]).unwrap();
    let Some(ModelInput::Tokens {
        vocabulary_size,
        length_max: 12,
        ..
    }) = manifest.input
    else {
        panic!("{:?}", manifest.input);
    };
    assert_eq!(vocabulary_size, tokenizer.vocabulary_size());
    // Nothing stands before a text, and the end of one is told.
    assert!(tokenizer.beginning().is_empty() && tokenizer.end_id().is_some());
}

#[test]
fn what_no_language_model_can_learn_from_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |from: &str, to: &str| {
        assert!(RECIPE.contains(from), "{from}");
        let outcome = run(&RECIPE.replace(from, to), folder.path(), Resume::Latest);
        outcome.unwrap_err().to_string()
    };
    let convolutions = refusal(
        "name = \"gpt2\"\n\n[architecture.config]\nn_layer = 1\nn_head = 2\nn_embd = 16\nn_positions = 12\nembd_pdrop = 0.1\nresid_pdrop = 0.1",
        "name = \"text_cnn\"",
    );
    assert!(
        convolutions.contains("\"text_cnn\" is no language model"),
        "{convolutions}"
    );
    for (from, to, part) in [
        (
            "seed = 3",
            "seed = 3\ngroup_by_length = true",
            "group_by_length",
        ),
        (
            "[architecture]\n",
            "[[augmentations]]\ntype = \"token_dropout\"\nprobability = 0.1\n\n[architecture]\n",
            "[augmentations]",
        ),
        (
            "[{ type = \"sample\", temperature = 0.0 }, { type = \"detokenize\" }]",
            "[{ type = \"softmax\" }, { type = \"top_k\", k = 1 }, { type = \"labels\" }]",
            "sample, stop",
        ),
        (
            "epochs = 3",
            "epochs = 3\ntarget = { metric = \"accuracy\", value = 1.0 }",
            "cross_entropy",
        ),
        (
            "length_max = 12",
            "length_max = 13",
            "there are 12 positions",
        ),
    ] {
        let message = refusal(from, to);
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
}
