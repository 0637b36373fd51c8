//! Networks on rows of a table against PyTorch, as `golden.rs` does it with images.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use mofang_nn::{Network, NetworkSpec, cpu_device, tensor_from_burn, tensor_to_burn};
use mofang_types::ModelInput;
use serde::Deserialize;

use crate::golden::{GoldenGradient, assert_near, fill, pattern};

const TOLERANCE: f64 = 1e-4;
const BATCH: usize = 4;

#[derive(Debug, Deserialize)]
struct Golden {
    architecture: mofang_types::ArchitectureSpec,
    input: ModelInput,
    outputs: usize,
    state: BTreeMap<String, (String, Vec<usize>)>,
    evaluation_outputs: Vec<f64>,
    training_outputs: Vec<f64>,
    gradients: BTreeMap<String, GoldenGradient>,
    buffers_after_one_pass: BTreeMap<String, Vec<f64>>,
}

/// `rows` of `make_rows.py`.
#[expect(clippy::cast_precision_loss, reason = "codes are small")]
fn rows(input: &ModelInput) -> mofang_types::Tensor {
    let ModelInput::Row {
        numbers,
        categories,
    } = input
    else {
        panic!("{input} are no rows");
    };
    let values = pattern(BATCH * numbers, 0);
    let mut data = Vec::new();
    for (row, numbers) in values.chunks_exact(*numbers).enumerate() {
        data.extend(numbers.iter().map(|number| 3.0 * number));
        data.extend(
            categories
                .iter()
                .enumerate()
                .map(|(index, count)| ((row + index) % count) as f32),
        );
    }
    mofang_types::Tensor::new(vec![BATCH, numbers + categories.len()], data).unwrap()
}

fn check(golden: &str) {
    crate::prepare();
    let golden: Golden = serde_json::from_str(golden).unwrap();
    let spec = NetworkSpec {
        architecture: golden.architecture,
        input: golden.input,
        outputs: golden.outputs,
    };
    let device = cpu_device().autodiff();
    let network = fill(Network::new(&spec, 1, &device).unwrap());

    let bytes = network.to_safetensors().unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let state: BTreeMap<String, (String, Vec<usize>)> = file
        .iter()
        .map(|(name, view)| {
            (
                name.to_owned(),
                (format!("{:?}", view.dtype()), view.shape().to_vec()),
            )
        })
        .collect();
    assert_eq!(state, golden.state);

    let input = || network.input(rows(&spec.input), &device).unwrap();
    let compare = |what: &str, outputs: Tensor<2>, expected: &[f64]| {
        let outputs = tensor_from_burn(outputs).unwrap();
        assert_eq!(outputs.shape(), [BATCH, spec.outputs]);
        for (actual, expected) in outputs.data().iter().zip(expected) {
            assert_near(what, f64::from(*actual), *expected, TOLERANCE);
        }
    };
    compare(
        "evaluation",
        network.forward(input()),
        &golden.evaluation_outputs,
    );
    let outputs = network.forward_train(input(), 0);
    compare("training", outputs.clone(), &golden.training_outputs);

    let shape = vec![BATCH, spec.outputs];
    let weights = mofang_types::Tensor::new(shape, pattern(BATCH * spec.outputs, 1)).unwrap();
    let weights: Tensor<2> = tensor_to_burn(weights, &device).unwrap();
    let gradients = network
        .gradients(&(outputs * weights).sum().backward())
        .unwrap();
    assert_eq!(
        gradients.keys().collect::<Vec<_>>(),
        golden.gradients.keys().collect::<Vec<_>>()
    );
    for (name, expected) in &golden.gradients {
        let actual: Vec<f64> = gradients[name]
            .data()
            .iter()
            .copied()
            .map(f64::from)
            .collect();
        let tolerance = TOLERANCE * expected.norm.max(1.0);
        let norm = actual.iter().map(|value| value * value).sum::<f64>().sqrt();
        let weights = pattern(actual.len(), 2);
        let projection: f64 = actual
            .iter()
            .zip(weights)
            .map(|(a, b)| a * f64::from(b))
            .sum();
        assert_near(name, norm, expected.norm, tolerance);
        assert_near(name, projection, expected.projection, tolerance);
        for (actual, expected) in actual.iter().zip(&expected.first) {
            assert_near(name, *actual, *expected, tolerance);
        }
    }
    let values = network.values().unwrap();
    for (name, expected) in &golden.buffers_after_one_pass {
        for (actual, expected) in values[name].data().iter().zip(expected) {
            assert_near(name, f64::from(*actual), *expected, TOLERANCE);
        }
    }
}

#[test]
fn mlp_is_pytorchs() {
    check(include_str!("../golden/mlp.json"));
    check(include_str!("../golden/mlp_batch_norm.json"));
}

#[test]
fn features_of_numbers_are_pytorchs() {
    check(include_str!("../golden/mlp_periodic.json"));
    check(include_str!("../golden/mlp_piecewise_linear.json"));
}

#[test]
fn what_an_mlp_cannot_be_is_refused() {
    let build = |config: serde_json::Value, input: ModelInput| {
        let spec = NetworkSpec {
            architecture: mofang_types::ArchitectureSpec {
                name: "mlp".to_owned(),
                config,
            },
            input,
            outputs: 2,
        };
        Network::new(&spec, 1, &cpu_device())
    };
    let row = || ModelInput::Row {
        numbers: 2,
        categories: vec![3],
    };
    for (config, input, part) in [
        (
            serde_json::json!({}),
            ModelInput::image([1, 2, 2]),
            "takes rows of a table",
        ),
        (
            serde_json::json!({"hiden": [3]}),
            row(),
            "did you mean \"hidden\"?",
        ),
        (
            serde_json::json!({"dropout": 1.0}),
            row(),
            "probability of dropout",
        ),
        (
            serde_json::json!({"numbers": {"kind": "periodic", "sigma": 0.0}}),
            row(),
            "sigma",
        ),
        (
            serde_json::json!({"category_dimension": 0}),
            row(),
            "category_dimension",
        ),
        // As many numbers as wrap around to one column.
        (
            serde_json::json!({}),
            ModelInput::Row {
                numbers: usize::MAX,
                categories: vec![1, 1],
            },
            "are not between 1 and",
        ),
    ] {
        let message = build(config, input).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let network = build(serde_json::json!({}), row()).unwrap();
    let wrong_code = mofang_types::Tensor::new(vec![1, 3], vec![0.0, 0.0, 3.0]).unwrap();
    let message = network.infer(&wrong_code).unwrap_err().to_string();
    assert!(message.contains("the code of a category"), "{message}");
}
