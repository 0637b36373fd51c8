//! Every metric against scikit-learn; the numbers are made by `tests/golden/make_metrics.py`.

use std::collections::BTreeMap;

use mofang_train::metrics::{ClassOutcomes, Judged, NumberOutcomes, Outcomes, all, compute_all};
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
struct NumberCase {
    name: String,
    predicted: Vec<f64>,
    truth: Vec<f64>,
    values: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    numbers: Vec<NumberCase>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/metrics.json")).unwrap()
}

fn outcomes(case: &Case) -> ClassOutcomes {
    ClassOutcomes::from_logits(&case.logits, &case.labels, case.classes).unwrap()
}

#[test]
fn every_value_is_that_of_scikit_learn() {
    let mut seen: Vec<String> = Vec::new();
    let Golden { cases, numbers } = golden();
    let of_classes = cases.into_iter().map(|case| {
        let outcomes = Outcomes::Classes(outcomes(&case));
        (case.name, outcomes, case.values)
    });
    let of_numbers = numbers.into_iter().map(|case| {
        let outcomes = NumberOutcomes::new(case.predicted, case.truth).unwrap();
        (case.name, Outcomes::Numbers(outcomes), case.values)
    });
    for (case, outcomes, expected) in of_classes.chain(of_numbers) {
        let values = compute_all(&outcomes);
        let (ours, theirs): (Vec<&String>, Vec<&String>) =
            (values.keys().collect(), expected.keys().collect());
        assert_eq!(ours, theirs, "{case}");
        for (name, expected) in &expected {
            let difference = (values[name] - expected).abs() / expected.abs().max(1.0);
            assert!(
                difference < 1e-9,
                "{case}: {name} is {}, not {expected}",
                values[name]
            );
        }
        seen.extend(values.into_keys());
    }
    // scikit-learn knows none of tokens and of what is said.
    let known = all()
        .iter()
        .filter(|metric| matches!(metric.judges(), Judged::Classes | Judged::Numbers));
    for value in known.flat_map(|metric| metric.values()) {
        assert!(
            seen.contains(&value.name.to_owned()),
            "{} has no reference value",
            value.name
        );
    }
}

#[test]
fn the_confusion_matrix_and_each_class_are_those_of_scikit_learn() {
    for case in golden().cases {
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
