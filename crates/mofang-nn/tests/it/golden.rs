//! Every architecture against PyTorch: names, shapes, logits, gradients, running statistics.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use mofang_nn::{Network, NetworkSpec, ParameterInfo, tensor_from_burn, tensor_to_burn};
use mofang_types::ModelInput;
use serde::Deserialize;

use crate::TOLERANCE;

const BATCH: usize = 4;

#[derive(Debug, Deserialize)]
struct Golden {
    architecture: mofang_types::ArchitectureSpec,
    /// Of images, whose pattern has the index `images`.
    image_shape: Option<[usize; 3]>,
    #[serde(default)]
    images: usize,
    /// Of anything else; the ids of each text, where it is one.
    input: Option<ModelInput>,
    #[serde(default)]
    ids: Vec<Vec<f32>>,
    #[serde(alias = "outputs")]
    classes: usize,
    state: BTreeMap<String, (String, Vec<usize>)>,
    #[serde(default = "usual_tolerance")]
    gradient_tolerance: f64,
    #[serde(alias = "evaluation_outputs")]
    evaluation_logits: Vec<f64>,
    #[serde(alias = "training_outputs")]
    training_logits: Vec<f64>,
    gradients: BTreeMap<String, GoldenGradient>,
    buffers_after_one_pass: BTreeMap<String, Vec<f64>>,
}

fn usual_tolerance() -> f64 {
    TOLERANCE
}

impl Golden {
    fn input(&self) -> ModelInput {
        self.input
            .clone()
            .unwrap_or_else(|| ModelInput::image(self.image_shape.unwrap()))
    }

    /// The batch.
    fn batch(&self) -> mofang_types::Tensor {
        if let Some(ModelInput::Row {
            numbers,
            categories,
        }) = &self.input
        {
            return rows(*numbers, categories);
        }
        let (mut shape, values) = match self.image_shape {
            Some(shape) => {
                let count = BATCH * shape.iter().product::<usize>();
                (shape.to_vec(), pattern(count, self.images))
            }
            None => (vec![self.ids[0].len()], self.ids.concat()),
        };
        shape.insert(0, BATCH);
        mofang_types::Tensor::new(shape, values).unwrap()
    }
}

/// `rows` of `make_rows.py`.
#[expect(clippy::cast_precision_loss, reason = "codes are small")]
fn rows(numbers: usize, categories: &[usize]) -> mofang_types::Tensor {
    let values = pattern(BATCH * numbers, 0);
    let mut data = Vec::new();
    for (row, numbers) in values.chunks_exact(numbers).enumerate() {
        data.extend(numbers.iter().map(|number| 3.0 * number));
        let categories = categories.iter().enumerate();
        data.extend(categories.map(|(index, count)| ((row + index) % count) as f32));
    }
    mofang_types::Tensor::new(vec![BATCH, numbers + categories.len()], data).unwrap()
}

#[derive(Debug, Deserialize)]
struct GoldenGradient {
    norm: f64,
    projection: f64,
    first: Vec<f64>,
}

/// `pattern` of `make_golden.py`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the formula wraps and rounds"
)]
pub(crate) fn pattern(count: usize, index: usize) -> Vec<f32> {
    (1..=count)
        .map(|place| {
            let mut x = (place as u32).wrapping_add(0x9E37_79B1_u32.wrapping_mul(index as u32));
            x = (x ^ (x >> 16)).wrapping_mul(0x7FEB_352D);
            x = (x ^ (x >> 15)).wrapping_mul(0x846C_A68B);
            x ^= x >> 16;
            (f64::from(x) / f64::from(1_u32 << 31) - 1.0) as f32
        })
        .collect()
}

/// `fill` of `make_golden.py`.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the formula rounds to f32"
)]
fn fill(network: Network) -> Network {
    let mut names: Vec<String> = network
        .parameters()
        .into_iter()
        .map(|info| info.name)
        .collect();
    names.sort();
    let formula = |info: &ParameterInfo, value: f32| -> f32 {
        let value = f64::from(value);
        let fan_in: usize = info.shape.iter().skip(1).product();
        let value = if info.name.ends_with("running_var") {
            1.0 + 0.2 * value
        } else if info.shape.len() > 1 {
            value * 2.0 / (fan_in as f64).sqrt()
        } else if info.name.ends_with("bn3.weight") {
            0.3 + 0.03 * value
        } else if info.name.ends_with("weight") {
            1.0 + 0.1 * value
        } else {
            0.1 * value
        };
        value as f32
    };
    network
        .map_values(&mut |info, old| {
            let index = names.iter().position(|name| *name == info.name)?;
            let values = pattern(old.len(), index);
            Some(
                values
                    .into_iter()
                    .map(|value| formula(info, value))
                    .collect(),
            )
        })
        .unwrap()
}

#[track_caller]
fn assert_near(what: &str, actual: f64, expected: f64, tolerance: f64) {
    let bound = tolerance.max(TOLERANCE * expected.abs());
    assert!(
        (actual - expected).abs() <= bound,
        "{what}: {actual} is not {expected} within {bound}"
    );
}

fn check(golden: &str) {
    let Some(device) = crate::device() else {
        return;
    };
    let golden: Golden = serde_json::from_str(golden).unwrap();
    let spec = NetworkSpec {
        architecture: golden.architecture.clone(),
        input: golden.input(),
        outputs: golden.classes,
    };
    let device = device.autodiff();
    let network = fill(Network::new(&spec, 1, &device).unwrap());

    let bytes = network.to_safetensors().unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let state: BTreeMap<String, (String, Vec<usize>)> = file
        .iter()
        .map(|(name, view)| {
            let entry = (format!("{:?}", view.dtype()), view.shape().to_vec());
            (name.to_owned(), entry)
        })
        .collect();
    assert_eq!(state, golden.state);

    let inputs = || network.input(golden.batch(), &device).unwrap();
    // One row for each example; of a network that tells something at each step, the steps one after another.
    let width = golden.evaluation_logits.len() / BATCH;
    let compare = |what: &str, logits: Tensor<2>, expected: &[f64]| {
        let logits = tensor_from_burn(logits).unwrap();
        assert_eq!(logits.shape(), [BATCH, width]);
        for (actual, expected) in logits.data().iter().zip(expected) {
            assert_near(what, f64::from(*actual), *expected, TOLERANCE);
        }
        assert_eq!(logits.data().len(), expected.len());
    };
    let evaluation = network.forward(inputs());
    compare("evaluation", evaluation, &golden.evaluation_logits);

    let logits = network.forward_train(inputs(), 0);
    compare("training", logits.clone(), &golden.training_logits);
    let weights = mofang_types::Tensor::new(vec![BATCH, width], pattern(BATCH * width, 1));
    let weights: Tensor<2> = tensor_to_burn(weights.unwrap(), &device).unwrap();
    let gradients = network
        .gradients(&(logits * weights).sum().backward())
        .unwrap();
    let gradient_tolerance = crate::gradient_tolerance(&golden.architecture.name);
    let names: Vec<&String> = gradients.keys().collect();
    assert_eq!(names, golden.gradients.keys().collect::<Vec<_>>());
    for (name, expected) in &golden.gradients {
        let actual = gradients[name].data();
        let projection: f64 = actual
            .iter()
            .zip(pattern(actual.len(), 2))
            .map(|(gradient, weight)| f64::from(*gradient) * f64::from(weight))
            .sum();
        let norm = actual
            .iter()
            .map(|value| f64::from(*value).powi(2))
            .sum::<f64>()
            .sqrt();
        let tolerance = golden.gradient_tolerance.max(gradient_tolerance);
        let tolerance = tolerance * expected.norm.max(1.0);
        assert_near(&format!("norm of {name}"), norm, expected.norm, tolerance);
        assert_near(
            &format!("projection of {name}"),
            projection,
            expected.projection,
            tolerance,
        );
        for (actual, expected) in actual.iter().zip(&expected.first) {
            assert_near(name, f64::from(*actual), *expected, tolerance);
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
fn bert_is_transformers() {
    check(include_str!("../golden/bert_classification.json"));
    check(include_str!("../golden/bert_embedding.json"));
}

#[test]
fn features_of_numbers_are_pytorchs() {
    check(include_str!("../golden/mlp_periodic.json"));
    check(include_str!("../golden/mlp_piecewise_linear.json"));
}

#[test]
fn ft_transformer_is_its_authors() {
    check(include_str!("../golden/ft_transformer.json"));
    check(include_str!("../golden/ft_transformer_geglu.json"));
}

#[test]
fn gpt2_is_transformers() {
    check(include_str!("../golden/gpt2.json"));
}

#[test]
fn lenet_is_pytorchs() {
    check(include_str!("../golden/lenet.json"));
}

#[test]
fn llama_is_transformers() {
    check(include_str!("../golden/llama.json"));
    check(include_str!("../golden/llama_tied.json"));
}

#[test]
fn mlp_is_pytorchs() {
    check(include_str!("../golden/mlp.json"));
    check(include_str!("../golden/mlp_batch_norm.json"));
}

#[test]
fn mobilenet_v2_is_torchvisions() {
    check(include_str!("../golden/mobilenet_v2.json"));
    check(include_str!("../golden/mobilenet_v2_half.json"));
}

#[test]
fn recurrent_networks_are_pytorchs() {
    check(include_str!("../golden/recurrent_gru.json"));
    check(include_str!("../golden/recurrent_lstm.json"));
    check(include_str!("../golden/recurrent_mean.json"));
    check(include_str!("../golden/recurrent_rows.json"));
}

#[test]
fn convolutions_before_recurrent_layers_are_pytorchs() {
    check(include_str!("../golden/crnn.json"));
}

#[test]
fn resnet18_is_torchvisions() {
    check(include_str!("../golden/resnet18.json"));
}

#[test]
fn resnet20_is_pytorchs() {
    check(include_str!("../golden/resnet20.json"));
}

#[test]
fn resnet50_is_torchvisions() {
    check(include_str!("../golden/resnet50.json"));
}

#[test]
fn sequential_is_pytorchs() {
    check(include_str!("../golden/sequential.json"));
}

#[test]
fn simple_cnn_is_pytorchs() {
    check(include_str!("../golden/simple_cnn.json"));
    check(include_str!("../golden/simple_cnn_global.json"));
}

#[test]
fn squeezenet_is_torchvisions() {
    check(include_str!("../golden/squeezenet1_0.json"));
    check(include_str!("../golden/squeezenet1_1.json"));
}

#[test]
fn text_cnn_is_pytorchs() {
    check(include_str!("../golden/text_cnn.json"));
}

#[test]
fn vit_is_transformers() {
    check(include_str!("../golden/vit.json"));
}
