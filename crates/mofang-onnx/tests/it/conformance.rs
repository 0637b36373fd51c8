//! The backend suites of ONNX: every case's model on its inputs, against its expected outputs.
//!
//! A case passes, or is refused with a reason, or is a wrong result; the last are listed here with
//! their causes, and nothing else may be wrong.

use std::collections::BTreeMap;

use mofang_onnx::{Array, OnnxError, Session, SessionOptions, Value};
use mofang_types::testing::reference_data;

use crate::support::{archive, tensor};

/// As the suite's own runner compares, with a little more room around zero.
const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-5;

/// What became of a case.
enum Outcome {
    Passed,
    /// Refused before or while it ran, by cause.
    Refused(String),
    Wrong(String),
    Panicked(String),
}

/// The models of a suite by case, with their sets of inputs and outputs.
struct Case {
    model: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
}

fn cases(name: &str) -> Option<BTreeMap<String, Case>> {
    let files = archive(&reference_data(&format!("models/onnx/{name}"))?);
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for (path, bytes) in files {
        // suite/case/model.onnx, suite/case/test_data_set_0/input_0.pb
        let mut parts = path.splitn(3, '/').skip(1);
        let (Some(case), Some(file)) = (parts.next(), parts.next()) else {
            continue;
        };
        let case = cases.entry(case.to_owned()).or_insert_with(|| Case {
            model: Vec::new(),
            files: BTreeMap::new(),
        });
        if file == "model.onnx" {
            case.model = bytes;
        } else {
            case.files.insert(file.to_owned(), bytes);
        }
    }
    Some(cases)
}

fn run(case: &Case) -> Outcome {
    let session = match Session::load(&case.model, SessionOptions::default()) {
        Ok(session) => session,
        Err(error) => return failure(&error),
    };
    for set in 0.. {
        let file = |side: &str, index: usize| {
            case.files
                .get(&format!("test_data_set_{set}/{side}_{index}.pb"))
        };
        if file("output", 0).is_none() {
            assert!(set > 0, "a case without outputs");
            break;
        }
        let mut inputs = Vec::new();
        for (index, input) in session.description().inputs.iter().enumerate() {
            match tensor(file("input", index).unwrap()) {
                Ok(value) => inputs.push((input.name.clone(), value)),
                Err(reason) => return Outcome::Refused(format!("type {reason}")),
            }
        }
        let borrowed: Vec<(&str, &Value)> = inputs
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        let outputs = match session.run(&borrowed) {
            Ok(outputs) => outputs,
            Err(error) => return failure(&error),
        };
        for (index, (name, actual)) in outputs.iter().enumerate() {
            let expected = match tensor(file("output", index).unwrap()) {
                Ok(expected) => expected,
                Err(reason) => return Outcome::Refused(format!("type {reason}")),
            };
            if let Some(difference) = difference(actual, &expected) {
                return Outcome::Wrong(format!("{name}: {difference}"));
            }
        }
    }
    Outcome::Passed
}

fn failure(error: &OnnxError) -> Outcome {
    if matches!(error, OnnxError::Panicked { .. }) {
        return Outcome::Panicked(error.to_string());
    }
    let OnnxError::UnsupportedOperators(operators) = error else {
        return Outcome::Refused(error.to_string());
    };
    let operator = &operators[0];
    let reason = if operator.reason.starts_with("it is not among") {
        "missing"
    } else {
        &operator.reason
    };
    Outcome::Refused(format!("operator {}: {reason}", operator.name))
}

fn numbers(array: &Array) -> Vec<f64> {
    match array {
        Array::Float(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Array::Double(values) => values.clone(),
        // Exact up to 2^53, and the engine has 32 bits.
        Array::Int64(values) => values
            .iter()
            .map(|value| f64::from(i32::try_from(*value).unwrap_or(i32::MAX)))
            .collect(),
        Array::Int32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Array::Bool(values) => values
            .iter()
            .map(|value| f64::from(u8::from(*value)))
            .collect(),
        Array::Uint8(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Array::Int8(values) => values.iter().map(|value| f64::from(*value)).collect(),
    }
}

fn difference(actual: &Value, expected: &Value) -> Option<String> {
    let types = (
        actual.array().element_type(),
        expected.array().element_type(),
    );
    if types.0 != types.1 {
        return Some(format!("type {}, expected {}", types.0, types.1));
    }
    if actual.shape() != expected.shape() {
        return Some(format!(
            "shape {:?}, expected {:?}",
            actual.shape(),
            expected.shape()
        ));
    }
    let pairs = numbers(actual.array())
        .into_iter()
        .zip(numbers(expected.array()));
    for (index, (actual, expected)) in pairs.enumerate() {
        let bound = ABSOLUTE + RELATIVE * expected.abs();
        // Infinities are equal or not; their difference is not a number.
        let close = actual.total_cmp(&expected).is_eq()
            || (actual.is_nan() && expected.is_nan())
            || (actual - expected).abs() <= bound;
        if !close {
            return Some(format!("element {index} is {actual}, expected {expected}"));
        }
    }
    None
}

/// Runs a suite, prints what became of it, and checks it against `passes` and the names of the
/// cases that are known to be `wrong`.
#[expect(
    clippy::print_stdout,
    reason = "the pass rate is what the suite is run for"
)]
fn suite(archive: &str, passes: usize, wrong: &[(&str, &str)]) {
    let Some(cases) = cases(archive) else {
        return;
    };
    let mut passed = 0;
    let mut refused: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut faults = Vec::new();
    for (name, case) in &cases {
        match run(case) {
            // What is drawn may be right by chance.
            Outcome::Passed if wrong.contains(&(name.as_str(), RANDOM)) => {}
            Outcome::Passed => passed += 1,
            Outcome::Refused(cause) => refused.entry(cause).or_default().push(name),
            Outcome::Wrong(what) => faults.push((name.as_str(), what)),
            Outcome::Panicked(what) => faults.push((name.as_str(), format!("PANIC {what}"))),
        }
    }
    println!("{archive}: {passed} of {} cases pass", cases.len());
    let mut causes: Vec<_> = refused.iter().collect();
    causes.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    for (cause, names) in causes {
        println!("  {:4} {cause} ({})", names.len(), names[0]);
    }
    for (name, what) in &faults {
        println!("  WRONG {name}: {what}");
    }
    let unexpected: Vec<_> = faults
        .iter()
        .filter(|(name, _)| !wrong.iter().any(|(known, _)| known == name))
        .collect();
    assert!(unexpected.is_empty(), "wrong results: {unexpected:?}");
    for (known, reason) in wrong {
        let still = *reason == RANDOM || faults.iter().any(|(name, _)| name == known);
        assert!(still, "{known} is right now: take it off the list");
    }
    assert!(passed >= passes, "{passed} cases pass, and {passes} did");
}

/// The expected outputs were drawn by another generator.
const RANDOM: &str = "random by definition";

#[test]
fn the_node_suite_passes_as_far_as_it_did() {
    let quantize = "one step of the quantization off where a value lies between two";
    suite(
        "onnx-backend-node-tests.tar.gz",
        1018,
        &[
            ("test_bernoulli_double_expanded", RANDOM),
            ("test_bernoulli_expanded", RANDOM),
            ("test_bernoulli_seed_expanded", RANDOM),
            ("test_dynamicquantizelinear", quantize),
            ("test_dynamicquantizelinear_expanded", quantize),
            (
                "test_resize_downsample_scales_linear_align_corners",
                "the corners are those of the output as it is, not of a fraction of it",
            ),
            ("test_training_dropout", RANDOM),
            ("test_training_dropout_default", RANDOM),
            ("test_training_dropout_default_mask", RANDOM),
            ("test_training_dropout_mask", RANDOM),
        ],
    );
}

#[test]
fn the_simple_suite_passes_as_far_as_it_did() {
    suite("onnx-backend-simple-tests.tar.gz", 12, &[]);
}

#[test]
fn the_pytorch_operator_suite_passes_as_far_as_it_did() {
    suite("onnx-backend-pytorch-operator-tests.tar.gz", 28, &[]);
}
