//! Models that people have, against the outputs that onnxruntime gave for them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;

use flate2::read::DeflateDecoder;
use mofang_onnx::{
    Array, Dimension, ElementType, OnnxError, OnnxFile, Session, SessionOptions, Value, ValueKind,
};
use mofang_types::testing::{assert_close, reference_data};
use serde::Deserialize;

use crate::support::archive;

fn read(name: &str) -> Option<Vec<u8>> {
    reference_data(&format!("models/onnx/{name}")).map(|path| fs::read(path).unwrap())
}

fn floats(shape: &[usize], values: Vec<f32>) -> Value {
    Value::new(shape.to_vec(), Array::Float(values)).unwrap()
}

fn as_floats(value: &Value) -> &[f32] {
    let Array::Float(values) = value.array() else {
        panic!("{} in place of float", value.array().element_type());
    };
    values
}

/// `x[i] = sin(0.01 i)`, the input that the references were made with.
fn sine(elements: u16) -> Vec<f32> {
    (0..elements)
        .map(|index| (0.01 * f64::from(index)).sin())
        .map(|value| format!("{value:.9e}").parse().unwrap())
        .collect()
}

#[derive(Debug, Deserialize)]
struct MobileNetReference {
    deterministic: Deterministic,
}

#[derive(Debug, Deserialize)]
struct Deterministic {
    first10_logits: Vec<f32>,
    argmax: usize,
    sum: f32,
}

#[test]
fn mobilenet_agrees_with_its_reference() {
    let Some(model) = read("mobilenet_v1_0.5_160-dequant.onnx") else {
        return;
    };
    let reference: MobileNetReference =
        serde_json::from_slice(&read("mobilenet_v1_0.5_160-dequant.reference.json").unwrap())
            .unwrap();
    let expected = reference.deterministic;
    for threads in [None, std::num::NonZeroUsize::new(1)] {
        let session = Session::load(&model, SessionOptions { threads }).unwrap();
        let description = session.description();
        assert_eq!(description.opset_version(""), Some(13));
        let shape = [1, 3, 160, 160];
        let mut input = sine(u16::MAX);
        input.extend((u32::from(u16::MAX)..3 * 160 * 160).map(|index| {
            let value = (0.01 * f64::from(index)).sin();
            format!("{value:.9e}").parse::<f32>().unwrap()
        }));
        let name = description.inputs[0].name.as_str();
        let outputs = session.run(&[(name, &floats(&shape, input))]).unwrap();
        let logits = as_floats(&outputs[0].1);
        assert_close(&logits[..10], &expected.first10_logits, 1e-3);
        assert_close(&[logits.iter().sum()], &[expected.sum], 1e-3);
        let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
        assert_eq!(best, Some(expected.argmax));
    }
}

#[derive(Debug, Deserialize)]
struct SileroReference {
    wav: String,
    frame: usize,
    context: usize,
    probabilities: Vec<f32>,
}

/// The samples of a WAV file of 16 bits and one channel, -1 to 1.
fn samples(wav: &[u8]) -> Vec<f32> {
    let data = wav.windows(4).position(|bytes| bytes == b"data").unwrap();
    wav[data + 8..]
        .as_chunks::<2>()
        .0
        .iter()
        .map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0)
        .collect()
}

#[test]
fn silero_agrees_with_its_reference_frame_by_frame() {
    let Some(model) = read("silero_vad_16k_op15.onnx") else {
        return;
    };
    let reference: SileroReference =
        serde_json::from_slice(&read("silero_vad_16k_op15.reference.json").unwrap()).unwrap();
    let wav = fs::read(reference_data(&reference.wav).unwrap()).unwrap();
    let session = Session::load(&model, SessionOptions::default()).unwrap();
    let mut padded = vec![0.0; reference.context];
    padded.extend(samples(&wav));
    let mut state = floats(&[2, 1, 128], vec![0.0; 256]);
    let rate = Value::new(vec![], Array::Int64(vec![16_000])).unwrap();
    let window = reference.context + reference.frame;
    let mut probabilities = Vec::new();
    for index in 0..reference.probabilities.len() {
        let begin = index * reference.frame;
        let mut frame = padded
            .get(begin..(begin + window).min(padded.len()))
            .unwrap()
            .to_vec();
        frame.resize(window, 0.0);
        let frame = floats(&[1, window], frame);
        let outputs = session
            .run(&[("state", &state), ("input", &frame), ("sr", &rate)])
            .unwrap();
        let mut outputs = outputs.into_iter().map(|(_, value)| value);
        probabilities.push(as_floats(&outputs.next().unwrap())[0]);
        state = outputs.next().unwrap();
    }
    assert_close(&probabilities, &reference.probabilities, 1e-3);
}

#[test]
fn a_model_of_the_dynamo_exporter_is_described_and_run() {
    let Some(bytes) = read("rten-mnist.onnx") else {
        return;
    };
    let file = OnnxFile::read(&bytes).unwrap();
    let description = file.description();
    assert_eq!(description.producer_name, "pytorch");
    assert_eq!(description.opset_version(""), Some(18));
    let ValueKind::Tensor {
        element_type,
        shape: Some(shape),
    } = &description.inputs[0].kind
    else {
        panic!("not a tensor: {description:?}");
    };
    assert_eq!(*element_type, ElementType::Float);
    assert_eq!(shape[1..], [1, 28, 28].map(Dimension::Fixed));
    let session = Session::load(&bytes, SessionOptions::default()).unwrap();
    let name = description.inputs[0].name.as_str();
    let outputs = session
        .run(&[(name, &floats(&[1, 1, 28, 28], sine(784)))])
        .unwrap();
    assert_eq!(outputs[0].1.shape(), [1, 10]);
    assert!(
        as_floats(&outputs[0].1)
            .iter()
            .all(|value| value.is_finite())
    );
}

/// The arrays of an `.npz` file by name, as `f32`.
fn arrays(npz: &[u8]) -> BTreeMap<String, Vec<f32>> {
    let number = |at: usize, bytes: usize| {
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(&npz[at..at + bytes]);
        usize::try_from(u64::from_le_bytes(number)).unwrap()
    };
    let mut arrays = BTreeMap::new();
    // The entries of the directory at the end, each with the place of its file.
    let entries = (0..npz.len()).filter(|at| npz[*at..].starts_with(b"PK\x01\x02"));
    for entry in entries {
        let (compressed, length) = (number(entry + 20, 4), number(entry + 28, 2));
        let name = String::from_utf8(npz[entry + 46..entry + 46 + length].to_vec()).unwrap();
        let file = number(entry + 42, 4);
        let begin = file + 30 + number(file + 26, 2) + number(file + 28, 2);
        let data = &npz[begin..begin + compressed];
        let mut npy = Vec::new();
        if number(entry + 10, 2) == 0 {
            npy.extend_from_slice(data);
        } else {
            DeflateDecoder::new(data).read_to_end(&mut npy).unwrap();
        }
        let header = 10 + usize::from(u16::from_le_bytes([npy[8], npy[9]]));
        let text = String::from_utf8_lossy(&npy[10..header]).into_owned();
        let values = if text.contains("<f4") {
            let floats = npy[header..].as_chunks::<4>().0;
            floats
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect()
        } else {
            let doubles = npy[header..].as_chunks::<8>().0;
            let values = doubles.iter().map(|bytes| f64::from_le_bytes(*bytes));
            values
                .map(|value| value.to_string().parse().unwrap())
                .collect()
        };
        arrays.insert(name.trim_end_matches(".npy").to_owned(), values);
    }
    arrays
}

/// Trees that were exported as tensor operations run; those in operators of ONNX-ML are refused by
/// the operator's name.
#[test]
fn models_of_tables_run_or_are_refused_by_the_name_of_their_operator() {
    let Some(path) = reference_data("models/onnx/tract-onnxml-cases.tar") else {
        return;
    };
    let files = archive(&path);
    let mut outcomes = Vec::new();
    for (path, bytes) in &files {
        let Some(case) = path.strip_suffix("/model.onnx") else {
            continue;
        };
        OnnxFile::read(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        let session = match Session::load(bytes, SessionOptions::default()) {
            Ok(session) => session,
            Err(OnnxError::UnsupportedOperators(operators)) => {
                assert_eq!(operators[0].domain, "ai.onnx.ml");
                outcomes.push((case, operators[0].name.clone()));
                continue;
            }
            Err(error) => panic!("{path}: {error}"),
        };
        let mut arrays = arrays(&files[&format!("{case}/io.npz")]);
        let input = floats(&[1, 13], arrays.remove("input").unwrap());
        for (name, actual) in session.run(&[("input", &input)]).unwrap() {
            if let Some(expected) = arrays.remove(&name) {
                assert_close(as_floats(&actual), &expected, 1e-3);
                outcomes.push((case, format!("{name} agrees")));
            }
        }
    }
    let outcomes: Vec<(&str, &str)> = outcomes
        .iter()
        .map(|(case, outcome)| (*case, outcome.as_str()))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("lgbm_classifier_tensor", "probabilities agrees"),
            ("lgbm_regressor_tensor", "output agrees"),
            ("linear_classifier", "LinearClassifier"),
            ("linear_regressor", "LinearRegressor"),
            ("xgboost_classifier_tree", "TreeEnsembleClassifier"),
            ("xgboost_regressor_tree", "TreeEnsembleRegressor"),
        ]
    );
}
