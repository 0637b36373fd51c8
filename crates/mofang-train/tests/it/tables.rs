//! Runs on rows of a table: a network and trees, classes and numbers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_data::{
    Catalogue, Cell, CleaningReport, Dataset, Example, RawExample, Row, Split, SplitName, Target,
};
use mofang_train::{NoObserver, Recipe, Resume, RunStatus, TrainError, TrainOutcome};
use mofang_types::{ArtifactDigest, ENSEMBLE_FILE, ModelInput, WEIGHTS_FILE};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::support::{StopAt, run_over, trace};

const NETWORK: &str = r#"
[architecture]
name = "mlp"

[architecture.config]
hidden = [16]
dropout = 0.2
batch_norm = true

[train]
seed = 3
batch_size = 32
optimizer = { name = "adamw", learning_rate = 0.01 }
checkpoint_every_steps = 3
"#;

const TRANSFORMER: &str = r#"
[architecture]
name = "ft_transformer"

[architecture.config]
d_token = 16
attention_n_heads = 2
n_blocks = 2
residual_dropout = 0.1

[train]
seed = 3
batch_size = 32
optimizer = { name = "adamw", learning_rate = 0.003 }
checkpoint_every_steps = 3
"#;

const TREES: &str = r#"
[architecture]
name = "gradient_boosting"

[architecture.config]
leaf_rows_min = 5
row_share = 0.8

[train]
seed = 3
final_weights = "best"
"#;

/// A recipe for the task over the table.
fn recipe(task: &str, model: &str, end: &str) -> Recipe {
    let decoders = if task == "tabular-regression" {
        r#"{ type = "destandardize" }, { type = "labels" }"#
    } else {
        r#"{ type = "softmax" }, { type = "top_k", k = 2 }, { type = "labels" }"#
    };
    let text = format!(
        r#"
format_version = 1
[model]
name = "people"
task = "{task}"
[data]
dataset = "people"
[pipeline]
transforms = [
    {{ type = "columns" }}, {{ type = "impute" }}, {{ type = "standardize" }}, {{ type = "encode_categories" }},
]
decoders = [{decoders}]
{model}
{end}
"#
    );
    Recipe::parse(&text).unwrap()
}

fn split(count: usize, seed: u64, target: fn(f64, usize) -> Target) -> Arc<Split> {
    let columns: Arc<[String]> = ["age", "job", "noise"].map(str::to_owned).into();
    let mut randomness = ChaCha8Rng::seed_from_u64(seed);
    let examples = (0..count)
        .map(|index| {
            let age = f64::from(randomness.random_range(18..70_u32));
            let job = randomness.random_range(0..3_usize);
            let shown = if randomness.random_range(0..8_u32) == 0 {
                Cell::Missing
            } else {
                Cell::Number(age)
            };
            let cells = vec![
                shown,
                Cell::Text(["clerk", "cook", "smith"][job].to_owned()),
                Cell::Number(randomness.random::<f64>()),
            ];
            Example {
                id: format!("{seed}/{index}"),
                input: RawExample::Row(Row::new(Arc::clone(&columns), cells).unwrap()),
                target: target(age, job),
            }
        })
        .collect();
    Arc::new(Split::new(examples))
}

fn dataset(labels: &[&str], target: fn(f64, usize) -> Target) -> Arc<Dataset> {
    let mut entry = Catalogue::builtin()
        .unwrap()
        .entry("digits")
        .unwrap()
        .clone();
    "people".clone_into(&mut entry.name);
    Arc::new(Dataset {
        name: "people".to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        splits: BTreeMap::from([
            (SplitName::Train, split(400, 1, target)),
            (SplitName::Validation, split(100, 2, target)),
            (SplitName::Test, split(200, 3, target)),
        ]),
        cleaning: CleaningReport::default(),
        entry,
    })
}

#[expect(clippy::cast_precision_loss, reason = "there are few jobs")]
fn classes() -> Arc<Dataset> {
    dataset(&["no", "yes"], |age, job| {
        Target::Class(usize::from(age + 10.0 * job as f64 > 55.0))
    })
}

#[expect(clippy::cast_precision_loss, reason = "there are few jobs")]
fn numbers() -> Arc<Dataset> {
    dataset(&["income"], |age, job| {
        Target::Number(1_000.0 * (age + 20.0 * job as f64))
    })
}

fn run(
    dataset: Arc<Dataset>,
    recipe: Recipe,
    run_dir: &Path,
    resume: Resume,
) -> Result<TrainOutcome, TrainError> {
    let stop = Arc::new(AtomicBool::new(false));
    run_over(dataset, recipe, run_dir, resume, stop, &mut NoObserver)
}

#[test]
fn rel_1_runs_on_rows_that_are_interrupted_end_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    for (name, model) in [
        ("network", NETWORK),
        ("transformer", TRANSFORMER),
        ("trees", TREES),
    ] {
        let recipe = || recipe("tabular-classification", model, "[train.stop]\nepochs = 3");
        let whole = folder.path().join(name).join("whole");
        let expected = run(classes(), recipe(), &whole, Resume::Fresh).unwrap();
        let parts = folder.path().join(name).join("parts");
        let stop = Arc::new(AtomicBool::new(false));
        let observer = &mut StopAt {
            step: 2,
            stop: Arc::clone(&stop),
        };
        let outcome = run_over(classes(), recipe(), &parts, Resume::Fresh, stop, observer).unwrap();
        assert_eq!(outcome.status, RunStatus::Interrupted { step: 2 });
        let outcome = run(classes(), recipe(), &parts, Resume::Latest).unwrap();
        assert_eq!(
            ArtifactDigest::of(&outcome.weights),
            ArtifactDigest::of(&expected.weights),
            "{name}"
        );
        assert_eq!(trace(&parts), trace(&whole), "{name}");
        assert_eq!(outcome.evaluation, expected.evaluation);
    }
}

#[test]
fn a_folder_with_a_run_of_trees_is_no_place_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let end = "[train.stop]\nepochs = 2";
    let trees = || recipe("tabular-classification", TREES, end);
    run(classes(), trees(), folder.path(), Resume::Fresh).unwrap();
    let lines = trace(folder.path());
    let error = run(classes(), trees(), folder.path(), Resume::Fresh).unwrap_err();
    assert!(matches!(error, TrainError::NotEmpty(_)), "{error}");
    assert_eq!(trace(folder.path()), lines);
    // Resumed, it begins again and writes the same lines.
    run(classes(), trees(), folder.path(), Resume::Latest).unwrap();
    assert_eq!(trace(folder.path()), lines);
}

#[test]
fn classes_are_learned_beside_a_baseline() {
    let folder = tempfile::tempdir().unwrap();
    for (name, model, epochs) in [
        ("network", NETWORK, 30),
        ("transformer", TRANSFORMER, 20),
        ("trees", TREES, 40),
    ] {
        let end = format!("[train.stop]\nepochs = {epochs}");
        let recipe = recipe("tabular-classification", model, &end);
        let outcome = run(classes(), recipe, &folder.path().join(name), Resume::Fresh).unwrap();
        let evaluation = outcome.evaluation.as_ref().unwrap();
        let baseline = &evaluation.baselines["majority class"];
        assert!(
            evaluation.metrics["roc_auc"] > 0.9,
            "{name}: {:?}",
            evaluation.metrics
        );
        assert!(evaluation.metrics["accuracy"] > baseline["accuracy"] + 0.1);
        let (manifest, files) = outcome.into_package();
        let input = ModelInput::Row {
            numbers: 3,
            categories: vec![5],
        };
        assert_eq!(manifest.model_input(), Some(input));
        let weights = if name == "trees" {
            ENSEMBLE_FILE
        } else {
            WEIGHTS_FILE
        };
        assert!(files.contains_key(weights), "{:?}", files.keys());
    }
}

#[test]
fn numbers_are_judged_in_their_own_units() {
    let folder = tempfile::tempdir().unwrap();
    for (name, model, epochs) in [("network", NETWORK, 60), ("trees", TREES, 60)] {
        let end = format!("[train.stop]\nepochs = {epochs}\n[evaluate.gate]\nr2 = 0.7");
        let recipe = recipe("tabular-regression", model, &end);
        let run_dir = folder.path().join(name);
        let outcome = run(numbers(), recipe, &run_dir, Resume::Fresh).unwrap();
        let evaluation = outcome.evaluation.as_ref().unwrap();
        let metrics = &evaluation.metrics;
        assert!(metrics["r2"] > 0.7, "{name}: {metrics:?}");
        // Thousands, not deviations of 1.
        assert!(
            metrics["mae"] > 50.0 && metrics["mae"] < 10_000.0,
            "{metrics:?}"
        );
        assert!(evaluation.baselines["mean"]["r2"] < 0.1);
        assert!(evaluation.confusion.is_empty() && evaluation.residuals.is_some());
        assert!(outcome.gate.is_passed());
        let report = std::fs::read_to_string(run_dir.join("report.md")).unwrap();
        assert!(
            report.contains("![predicted over true](numbers.svg)"),
            "{report}"
        );
        assert!(run_dir.join("numbers.svg").is_file());
    }
}

#[test]
fn what_cannot_be_learned_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let end = "[train.stop]\nepochs = 1";
    let one_class = dataset(&["no", "yes"], |_, _| Target::Class(1));
    for model in [NETWORK, TREES] {
        let recipe = recipe("tabular-classification", model, end);
        let error = run(Arc::clone(&one_class), recipe, folder.path(), Resume::Fresh).unwrap_err();
        assert!(
            error.to_string().contains("of the class \"yes\""),
            "{error}"
        );
    }
    let text = recipe("tabular-classification", NETWORK, end)
        .text()
        .replace("{ type = \"impute\" },", "");
    let error = run(
        classes(),
        Recipe::parse(&text).unwrap(),
        folder.path(),
        Resume::Fresh,
    );
    let error = error.unwrap_err();
    assert!(error.to_string().contains("add `impute`"), "{error}");
}

#[test]
fn trees_whose_loss_is_not_finite_say_what_helps_them() {
    let folder = tempfile::tempdir().unwrap();
    let huge = dataset(&["income"], |age, _| Target::Number(1e160 * age));
    let text = recipe("tabular-regression", TREES, "[train.stop]\nepochs = 2")
        .text()
        .replace("{ type = \"destandardize\" }, ", "");
    let recipe = Recipe::parse(&text).unwrap();
    let error = run(huge, recipe, folder.path(), Resume::Fresh).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("at step 1: numbers of the target"),
        "{message}"
    );
    assert!(message.contains("`destandardize`"), "{message}");
    // Trees have neither.
    assert!(!message.contains("clip_norm"), "{message}");
    assert!(!message.contains("checkpoint"), "{message}");
}

#[test]
fn what_trees_have_no_use_for_is_refused_by_name() {
    let recipe = recipe("tabular-classification", TREES, "[train.stop]\nepochs = 1");
    // Defaults too: what is stated is meant.
    for setting in [
        "batch_size = 256",
        "checkpoint_every_steps = 200",
        "checkpoints_kept = 2",
        "clip_norm = 1.0",
        "drop_last = false",
        "freeze = [\"encoder\"]",
        "group_by_length = false",
        "label_smoothing = 0.0",
        "learning_rate_factors = { encoder = 0.1 }",
        "optimizer = { name = \"adamw\", learning_rate = 0.01 }",
        "schedule = { name = \"cosine\", warmup_epochs = 0.5 }",
    ] {
        let stated = format!("seed = 3\n{setting}");
        let text = recipe.text().replacen("seed = 3", &stated, 1);
        let message = Recipe::parse(&text).unwrap_err().to_string();
        let key = setting.split(' ').next().unwrap_or_default();
        let beginning = format!("in [train]: `{key}` has no effect on gradient_boosting: ");
        assert!(message.starts_with(&beginning), "{message}");
        assert!(message.ends_with("; leave it out"), "{message}");
    }
    let text = recipe
        .text()
        .replacen("seed = 3", "seed = 3\nloader_threads = 2", 1);
    assert!(Recipe::parse(&text).is_ok());
}

#[test]
fn recipes_of_tables_that_cannot_be_are_refused() {
    let text = recipe("tabular-regression", TREES, "[train.stop]\nepochs = 1")
        .text()
        .to_owned();
    assert_eq!(Recipe::parse(&text).unwrap().train.monitor, "rmse");
    for (from, to, part) in [
        (
            "seed = 3",
            "seed = 3\nmonitor = \"accuracy\"",
            "for tabular-regression",
        ),
        (
            "seed = 3",
            "seed = 3\nclass_weights = \"balanced\"",
            "class_weights are for classes",
        ),
        (
            "leaf_rows_min = 5",
            "leaf_row_min = 5",
            "did you mean \"leaf_rows_min\"?",
        ),
        (
            "seed = 3",
            "seed = 3\nlabel_smoothing = 0.1",
            "label_smoothing",
        ),
        (
            "{ type = \"destandardize\" }, { type = \"labels\" }",
            "{ type = \"softmax\" }, { type = \"top_k\", k = 2 }, { type = \"labels\" }",
            "destandardize",
        ),
        (
            "{ type = \"columns\" },",
            "",
            "the first transform of a table is `columns`",
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let message = Recipe::parse(&changed).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}
