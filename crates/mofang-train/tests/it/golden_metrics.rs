//! Every metric against scikit-learn; the numbers are made by `tests/golden/make_metrics.py`.

use std::collections::BTreeMap;

use mofang_train::metrics::{Outcomes, all, compute_all};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    classes: usize,
    labels: Vec<usize>,
    logits: Vec<f32>,
    confusion: Vec<Vec<u64>>,
    precision_per_class: Vec<f64>,
    recall_per_class: Vec<f64>,
    f1_per_class: Vec<f64>,
    values: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str::<Golden>(include_str!("../golden/metrics.json"))
        .unwrap()
        .cases
}

fn outcomes(case: &Case) -> Outcomes {
    Outcomes::from_logits(&case.logits, &case.labels, case.classes).unwrap()
}

#[test]
fn every_value_is_that_of_scikit_learn() {
    let mut seen: Vec<String> = Vec::new();
    for case in cases() {
        let values = compute_all(&outcomes(&case));
        let (ours, theirs): (Vec<&String>, Vec<&String>) =
            (values.keys().collect(), case.values.keys().collect());
        assert_eq!(ours, theirs, "{}", case.name);
        for (name, expected) in &case.values {
            let difference = (values[name] - expected).abs();
            assert!(
                difference < 1e-9,
                "{}: {name} is {}, not {expected}",
                case.name,
                values[name]
            );
        }
        seen.extend(values.into_keys());
    }
    for value in all().iter().flat_map(|metric| metric.values()) {
        assert!(
            seen.contains(&value.name.to_owned()),
            "{} has no reference value",
            value.name
        );
    }
}

#[test]
fn the_confusion_matrix_and_each_class_are_those_of_scikit_learn() {
    for case in cases() {
        let outcomes = outcomes(&case);
        let confusion = outcomes.confusion();
        assert_eq!(confusion.counts, case.confusion, "{}", case.name);
        for class in 0..case.classes {
            for (ours, theirs) in [
                (confusion.precision(class), case.precision_per_class[class]),
                (confusion.recall(class), case.recall_per_class[class]),
                (confusion.f1(class), case.f1_per_class[class]),
            ] {
                assert!(
                    (ours - theirs).abs() < 1e-12,
                    "{}: {ours} {theirs}",
                    case.name
                );
            }
        }
    }
}
