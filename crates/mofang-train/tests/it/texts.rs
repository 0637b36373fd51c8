//! A run over texts: order, lengths, augmentations and a tokenizer that is trained on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_data::{
    Catalogue, CleaningReport, Dataset, Example, PipelineFiles, RawExample, Split, SplitName,
    Target,
};
use mofang_nn::DeviceChoice;
use mofang_train::{
    NoObserver, Recipe, Resume, RunStatus, TrainError, TrainObserver, TrainOutcome, TrainRequest,
    train,
};
use mofang_types::{ArtifactDigest, Coded as _, ErrorCode, ModelInput, SystemClock};

use crate::support::StopAt;

const RECIPE: &str = r#"
format_version = 1

[model]
name = "orders"
task = "text-classification"

[data]
dataset = "orders"

[pipeline]
transforms = [
    { type = "clean_text", lowercase = true },
    { type = "tokenize", model = "wordpiece", vocabulary_size = 200, min_frequency = 1 },
    { type = "truncate", length_max = 16 },
]
decoders = [{ type = "softmax" }, { type = "top_k", k = 2 }, { type = "labels" }]

[[augmentations]]
type = "token_dropout"
probability = 0.1

[[augmentations]]
type = "span_mask"
probability = 0.3
share_max = 0.3

[architecture]
name = "text_cnn"

[architecture.config]
embedding_size = 16
filters = 8
widths = [1, 2]
dropout = 0.2

[train]
seed = 3
batch_size = 8
group_by_length = true
optimizer = { name = "adamw", learning_rate = 0.01 }
checkpoint_every_steps = 3
loader_threads = 2
final_weights = "best"

[train.stop]
epochs = 4
"#;

/// Texts of 3 to 9 words in two classes, which differ in one word of each.
fn split(count: usize, first: usize) -> Arc<Split> {
    let examples = (first..first + count)
        .map(|number| {
            let class = number % 2;
            let verb = [["buy", "order"], ["return", "refund"]][class][number / 2 % 2];
            let filling = ["please", "today", "a book", "两本书", "for me", "👍"];
            let words: Vec<&str> = (0..number % 7)
                .map(|place| filling[(number * 5 + place * 3) % filling.len()])
                .collect();
            Example {
                id: format!("orders.csv:{number}"),
                input: RawExample::Text(format!("{} {verb} it {number}", words.join(" "))),
                target: Target::Class(class),
            }
        })
        .collect();
    Arc::new(Split::new(examples))
}

fn dataset() -> Dataset {
    let catalogue = Catalogue::builtin().unwrap();
    Dataset {
        name: "orders".to_owned(),
        labels: ["buy", "return"].map(str::to_owned).to_vec(),
        splits: BTreeMap::from([
            (SplitName::Train, split(83, 0)),
            (SplitName::Validation, split(20, 100)),
            (SplitName::Test, split(30, 200)),
        ]),
        cleaning: CleaningReport::default(),
        entry: catalogue.entry("sms-spam").unwrap().clone(),
    }
}

fn request<'a>(
    run_dir: &std::path::Path,
    dataset: Dataset,
    observer: &'a mut dyn TrainObserver,
) -> TrainRequest<'a> {
    TrainRequest {
        recipe: Recipe::parse(RECIPE).unwrap(),
        dataset: Arc::new(dataset),
        run_dir: run_dir.to_owned(),
        resume: Resume::Latest,
        initial_weights: None,
        pipeline_files: PipelineFiles::new(),
        device: DeviceChoice::Cpu,
        clock: Arc::new(SystemClock::new()),
        stop: Arc::new(AtomicBool::new(false)),
        observer,
    }
}

fn run(run_dir: &std::path::Path) -> TrainOutcome {
    train(request(run_dir, dataset(), &mut NoObserver)).unwrap()
}

#[test]
fn rel_1_texts_too_end_with_the_same_bits_when_interrupted_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run(&folder.path().join("whole"));
    let digest = ArtifactDigest::of(&whole.weights);
    let again = run(&folder.path().join("again"));
    assert_eq!(ArtifactDigest::of(&again.weights), digest);
    assert_eq!(again.pipeline, whole.pipeline);

    let run_dir = folder.path().join("parts");
    for step in [2_u64, 11, 25, 40] {
        let stop = Arc::new(AtomicBool::new(false));
        let mut observer = StopAt {
            step,
            stop: Arc::clone(&stop),
        };
        let mut request = request(&run_dir, dataset(), &mut observer);
        request.stop = stop;
        let outcome = train(request).unwrap();
        assert_eq!(outcome.status, RunStatus::Interrupted { step });
    }
    let resumed = run(&run_dir);
    assert_eq!(ArtifactDigest::of(&resumed.weights), digest);
}

#[test]
fn the_package_has_the_tokenizer_and_the_report_shows_texts() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(folder.path());
    let evaluation = outcome.evaluation.clone().unwrap();
    assert!(
        evaluation.metrics["accuracy"] > 0.8,
        "{:?}",
        evaluation.metrics
    );
    let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    for mistake in &evaluation.most_confused {
        let excerpt = mistake.excerpt.as_deref().unwrap();
        assert!(report.contains(excerpt), "{excerpt} is not in {report}");
    }
    assert!(!folder.path().join("most_confused.svg").exists());
    let (manifest, files) = outcome.into_package();
    assert!(files.contains_key("tokenizer.json"));
    let Some(ModelInput::Tokens {
        vocabulary_size,
        length_max: 16,
        padding_id: 0,
    }) = manifest.input
    else {
        panic!("{:?}", manifest.input);
    };
    assert!(vocabulary_size <= 200, "{vocabulary_size}");
}

#[test]
fn one_class_and_another_tokenizer_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = dataset();
    let examples = one.splits[&SplitName::Train].examples().iter();
    let examples = examples.filter(|e| e.target == Target::Class(0)).cloned();
    let train_split = Arc::new(Split::new(examples.collect()));
    one.splits.insert(SplitName::Train, train_split);
    let error = train(request(folder.path(), one, &mut NoObserver)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(error.to_string().contains("is of the class"), "{error}");

    // A tokenizer that is taken from elsewhere must stay what it was.
    let tokenizer = |text: &str| {
        let settings = mofang_data::text::TrainTokenizer {
            model: mofang_data::text::TokenizerModel::Words,
            vocabulary_size: 100,
            min_frequency: 1,
            template: mofang_data::text::Template::Around,
        };
        let bytes = mofang_data::text::train_tokenizer([text].into_iter(), settings).unwrap();
        PipelineFiles::from([("tokenizer.json".to_owned(), bytes)])
    };
    let with = |files: PipelineFiles| -> Result<TrainOutcome, TrainError> {
        let from = "{ type = \"tokenize\", model = \"wordpiece\", vocabulary_size = 200, min_frequency = 1 }";
        assert!(RECIPE.contains(from));
        let text = RECIPE.replace(from, "{ type = \"tokenize\", from = \"base@1\" }");
        train(TrainRequest {
            recipe: Recipe::parse(&text).unwrap(),
            pipeline_files: files,
            ..request(folder.path(), dataset(), &mut NoObserver)
        })
    };
    let error = with(PipelineFiles::new()).unwrap_err();
    assert!(error.to_string().contains("\"base@1\""), "{error}");
    with(tokenizer("buy order it")).unwrap();
    let error = with(tokenizer("return refund it")).unwrap_err();
    assert!(
        matches!(error, TrainError::PipelineChanged { .. }),
        "{error}"
    );
}
