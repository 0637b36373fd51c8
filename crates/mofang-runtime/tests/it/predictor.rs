//! The road from an example to an answer, and the packages that have none.

use mofang_data::{Pixels, RawExample};
use mofang_nn::{tensor_from_burn, tensor_to_burn};
use mofang_runtime::{Predictor, RuntimeError, RuntimeSettings};
use mofang_types::testing::assert_close;
use mofang_types::{Coded as _, Dimension, ErrorCode, Package, Prediction, Tensor, WEIGHTS_FILE};
use serde_json::json;

use crate::support::{IMAGE_SHAPE, LABELS, network, package};

fn image() -> Pixels {
    Pixels::new(8, 8, 1, (0..64).map(|index| index * 4).collect()).unwrap()
}

fn shape() -> Vec<usize> {
    IMAGE_SHAPE.to_vec()
}

#[test]
fn an_answer_is_transforms_network_and_decoders() {
    let predictor = Predictor::load(&package().unwrap(), &RuntimeSettings::default()).unwrap();
    let values = image()
        .data()
        .iter()
        .map(|sample| (f32::from(*sample) / 255.0 - 0.5) / 0.25)
        .collect();
    let batch = Tensor::new([&[1], shape().as_slice()].concat(), values).unwrap();
    let network = network().unwrap();
    let images = tensor_to_burn::<4>(batch.clone(), &network.device().unwrap()).unwrap();
    let logits = tensor_from_burn(network.forward(images)).unwrap();
    let exponentials: Vec<f32> = logits.data().iter().map(|logit| logit.exp()).collect();
    let sum: f32 = exponentials.iter().sum();

    for example in [
        RawExample::Pixels(image()),
        RawExample::Encoded(image().to_png().unwrap()),
        RawExample::Tensor(Tensor::new(shape(), batch.into_data()).unwrap()),
    ] {
        let Prediction::Classes(classes) = predictor.predict(&example, Some(3)).unwrap() else {
            panic!("no classes");
        };
        assert_eq!(classes.len(), 3);
        for class in &classes {
            assert_eq!(class.label, LABELS[class.index]);
            assert_close(
                &[class.probability],
                &[exponentials[class.index] / sum],
                1e-5,
            );
        }
        assert!(classes.is_sorted_by(|a, b| a.probability >= b.probability));
        // Without a number of the caller's own, the pipeline's counts.
        let Prediction::Classes(classes) = predictor.predict(&example, None).unwrap() else {
            panic!("no classes");
        };
        assert_eq!(classes.len(), 2);
    }
}

#[test]
fn the_memory_is_that_of_the_parameters_and_of_packed_convolutions() {
    let predictor = Predictor::load(&package().unwrap(), &RuntimeSettings::default()).unwrap();
    let values: usize = network()
        .unwrap()
        .values()
        .unwrap()
        .values()
        .map(|tensor| match tensor.shape().len() {
            4 => 2 * tensor.data().len(),
            _ => tensor.data().len(),
        })
        .sum();
    assert_eq!(predictor.size_bytes(), u64::try_from(values * 4).unwrap());
}

#[test]
fn bad_examples_are_refused_before_the_model_sees_them() {
    let predictor = Predictor::load(&package().unwrap(), &RuntimeSettings::default()).unwrap();
    let tensor = |shape: Vec<usize>, value: f32| {
        let length = shape.iter().product();
        RawExample::Tensor(Tensor::new(shape, vec![value; length]).unwrap())
    };
    for (example, part) in [
        (tensor(vec![3, 8, 8], 0.0), "shape [3, 8, 8]"),
        (tensor(vec![64], 0.0), "shape [64]"),
        (tensor(shape(), f32::NAN), "not finite"),
        (tensor(shape(), f32::INFINITY), "not finite"),
        (RawExample::Encoded(b"no image".to_vec()), "image"),
    ] {
        let error = predictor.prepare(&example).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn an_output_that_overflows_is_no_prediction() {
    let predictor = Predictor::load(&package().unwrap(), &RuntimeSettings::default()).unwrap();
    let example = RawExample::Tensor(Tensor::new(shape(), vec![3e38; 64]).unwrap());
    let error = predictor.predict(&example, None).unwrap_err();
    assert!(matches!(error, RuntimeError::OutputNotFinite), "{error}");
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    assert!(matches!(
        predictor.decode(&[0.0; 2], None),
        Err(RuntimeError::OutputLength {
            actual: 2,
            expected: 3
        })
    ));
}

#[test]
fn a_package_that_contradicts_itself_is_not_loaded() {
    type Break = fn(&mut Package);
    let cases: [(&str, Break); 9] = [
        ("model.safetensors: it is missing", |package| {
            package.files.clear();
        }),
        ("model.safetensors", |package| {
            let weights = package.files.get_mut(WEIGHTS_FILE).unwrap();
            weights.truncate(weights.len() - 1);
        }),
        ("model.safetensors", |package| {
            package.manifest.architecture.config = json!({ "hidden": [9] });
        }),
        ("architecture", |package| {
            package.manifest.architecture.config = json!({ "hiden": [8] });
        }),
        ("labels: there are 2", |package| {
            package.manifest.labels.pop();
        }),
        ("pipeline", |package| {
            package.manifest.pipeline["transforms"][1]["width"] = json!(9);
        }),
        ("pipeline", |package| {
            package.manifest.pipeline["decoders"] = json!([]);
        }),
        ("signature", |package| {
            package.manifest.signature.inputs.clear();
        }),
        ("signature", |package| {
            package.manifest.signature.inputs[0].shape[1] = Dimension::Named("any".to_owned());
        }),
    ];
    for (part, damage) in cases {
        let mut package = package().unwrap();
        damage(&mut package);
        let error = Predictor::load(&package, &RuntimeSettings::default()).unwrap_err();
        // Whatever is wrong with it, the caller of a prediction cannot mend it.
        assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}
