//! Parameters that stay as they are, and those that follow more slowly; and that runs of every kind of network
//! go on exactly.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_nn::StateDict;
use mofang_train::{Recipe, Resume, RunStatus, TrainOutcome};

use crate::support::{RECIPE, StopAt, dataset, recipe, run, run_over};

/// Rows of the images as a sequence, in place of the convolutions.
fn recurrent() -> Recipe {
    let start = RECIPE.find("name = \"simple_cnn\"").unwrap();
    let end = RECIPE.find("[train]").unwrap();
    let text = format!(
        "{}name = \"recurrent\"\n[architecture.config]\nlayers = 2\nhidden_size = 8\n\
         bidirectional = true\nrecurrent_dropout = 0.2\ndropout = 0.1\n{}",
        &RECIPE[..start],
        &RECIPE[end..]
    );
    Recipe::parse(&text).unwrap()
}

fn weights(outcome: &TrainOutcome) -> StateDict {
    StateDict::from_safetensors(&outcome.weights).unwrap()
}

/// The same bits, whether the run was interrupted or not.
#[track_caller]
fn assert_resumes_exactly(recipe: &Recipe) -> TrainOutcome {
    let folder = tempfile::tempdir().unwrap();
    let expected = run(recipe.clone(), &folder.path().join("whole"), Resume::Fresh).unwrap();
    let run_dir = folder.path().join("parts");
    let stop = Arc::new(AtomicBool::new(false));
    let observer = &mut StopAt {
        step: 13,
        stop: Arc::clone(&stop),
    };
    let part = run_over(
        dataset(),
        recipe.clone(),
        &run_dir,
        Resume::Fresh,
        stop,
        observer,
    )
    .unwrap();
    assert!(matches!(part.status, RunStatus::Interrupted { .. }));
    let resumed = run(recipe.clone(), &run_dir, Resume::Latest).unwrap();
    assert_eq!(expected.weights, resumed.weights);
    expected
}

#[test]
fn rel_1_a_recurrent_network_goes_on_exactly() {
    let outcome = assert_resumes_exactly(&recurrent());
    let accuracy = outcome.evaluation.unwrap().metrics["accuracy"];
    assert!(accuracy > 0.5, "{accuracy}");
}

#[test]
fn frozen_parameters_stay_and_the_others_follow() {
    let unfrozen = recipe("epochs = 4", "steps = 1");
    let first = {
        let folder = tempfile::tempdir().unwrap();
        let frozen_all = recipe(
            "epochs = 4",
            "steps = 1\n[train.learning_rate_factors]\nfeatures = 0.0\nclassifier = 0.0",
        );
        let stay = weights(&run(frozen_all, &folder.path().join("a"), Resume::Fresh).unwrap());
        let moved = weights(&run(unfrozen, &folder.path().join("b"), Resume::Fresh).unwrap());
        let name = "features.0.weight";
        assert_ne!(stay.get(name), moved.get(name));
        stay
    };
    let frozen = recipe(
        "seed = 11",
        "seed = 11\nfreeze = [\"features.0\", \"features.1\"]",
    );
    assert_ne!(frozen.digest(), recipe("seed = 11", "seed = 11").digest());
    let last = weights(&assert_resumes_exactly(&frozen));
    for name in ["features.0.weight", "features.1.weight", "features.1.bias"] {
        assert_eq!(first.get(name), last.get(name), "{name}");
    }
    for name in first.names().filter(|name| name.starts_with("classifier.")) {
        assert_ne!(first.get(name), last.get(name), "{name}");
    }
}

#[test]
fn a_name_that_no_parameter_has_is_refused() {
    for change in [
        "seed = 11\nfreeze = [\"feature\"]",
        "seed = 11\nlearning_rate_factors = { feature = 0.5 }",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let recipe = recipe("seed = 11", change);
        let error = run(recipe, &folder.path().join("run"), Resume::Fresh).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no parameter is below \"feature\"; the names begin with classifier, features"
        );
    }
    let text = RECIPE.replace(
        "seed = 11",
        "seed = 11\nlearning_rate_factors = { features = -1.0 }",
    );
    let error = Recipe::parse(&text).unwrap_err().to_string();
    assert!(error.contains("learning_rate_factors"), "{error}");
}
