//! Files made to harm: the reader and the loader end, and end soon, whatever is in a file.

use mofang_onnx::{OnnxError, OnnxFile, Session, SessionOptions};
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rten_onnx::onnx::{GraphProto, TypeProto, TypeProtoSequence};

use crate::support::{encode, graph_attribute, model, model_of, node, value, weight};

/// Valid files that the mutations begin with: nested graphs, attributes, weights of several types.
fn seeds() -> Vec<Vec<u8>> {
    let branch = |operator: &str| GraphProto {
        node: vec![node("inside", operator, &["sum", "w"], "branch")],
        output: vec![value("branch", &["batch", "2"])],
        ..Default::default()
    };
    let mut nested = model();
    let graph = nested.graph.as_mut().unwrap();
    graph.node[1] = rten_onnx::onnx::NodeProto {
        attribute: vec![
            graph_attribute("then_branch", branch("Mul")),
            graph_attribute("else_branch", branch("Add")),
        ],
        ..node("second", "If", &["choice"], "y")
    };
    let mut choice = value("choice", &[]);
    let tensor = choice
        .r#type
        .as_mut()
        .unwrap()
        .tensor_type
        .as_mut()
        .unwrap();
    tensor.elem_type = Some(rten_onnx::onnx::DataType::BOOL);
    graph.input.push(choice);
    let chain = model_of(
        vec![
            node("a", "MatMul", &["x", "v"], "a"),
            node("b", "Relu", &["a"], "b"),
            node("c", "Softmax", &["b"], "c"),
            node("d", "Sign", &["c"], "d"),
            node("e", "ReduceMean", &["d"], "y"),
        ],
        vec![weight("v", &[3, 2])],
        value("x", &["batch", "3"]),
        value("y", &[]),
    );
    [model(), nested, chain].iter().map(encode).collect()
}

/// One to four changes: a byte, a bit, a large number, a piece cut out, doubled or moved, an end.
fn mutate(seed: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.random_range(1..=4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..8) {
            0 => bytes.truncate(at),
            1 => bytes[at] = random.random(),
            2 => bytes[at] ^= 1 << random.random_range(0..8_u32),
            3 => {
                // A number of many bits where a length or a size may stand.
                let large = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
                let length = random.random_range(1..=large.len());
                bytes.splice(at..=at, large[large.len() - length..].iter().copied());
            }
            4 => {
                let end = (at + random.random_range(1..32_usize)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + random.random_range(1..64_usize)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.random_range(0..=bytes.len());
                bytes.splice(to..to, piece);
            }
            6 => bytes[at] = bytes[at].wrapping_add(1),
            _ => {
                let other = random.random_range(0..bytes.len());
                bytes.swap(at, other);
            }
        }
    }
    bytes
}

/// Reads `count` mutations; how many of them were still models.
fn read_mutations(count: u32) -> u32 {
    let seeds = seeds();
    // The seed of the generator is what repeats a failure.
    let mut random = ChaCha8Rng::seed_from_u64(0x0e_55);
    let mut valid = 0;
    for index in 0..count {
        let seed = &seeds[usize::try_from(random.next_u32()).unwrap() % seeds.len()];
        let bytes = mutate(seed, &mut random);
        match OnnxFile::read(&bytes) {
            Ok(file) => {
                valid += 1;
                assert!(!file.description().outputs.is_empty());
            }
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.len() < 2_000,
                    "mutation {index} has a message of {}",
                    text.len()
                );
                assert!(
                    !text.contains(char::is_control),
                    "mutation {index}: {text:?}"
                );
            }
        }
    }
    valid
}

#[test]
fn mutations_are_read_or_refused() {
    let valid = read_mutations(1_000_000);
    // Both ways have to be taken, or the mutations test nothing.
    assert!(
        (10_000..900_000).contains(&valid),
        "{valid} of a million are models"
    );
}

#[test]
#[ignore = "half a minute"]
fn ten_million_mutations_are_read_or_refused() {
    read_mutations(10_000_000);
}

#[test]
fn mutations_are_loaded_or_refused() {
    let seeds = seeds();
    let mut random = ChaCha8Rng::seed_from_u64(0x10ad);
    let mut loaded = 0;
    let mut panics = 0;
    for _ in 0..10_000 {
        let seed = &seeds[usize::try_from(random.next_u32()).unwrap() % seeds.len()];
        match Session::load(&mutate(seed, &mut random), SessionOptions::default()) {
            Ok(_) => loaded += 1,
            Err(OnnxError::Panicked { .. }) => panics += 1,
            Err(_) => {}
        }
    }
    assert!(loaded > 100, "{loaded} mutations were loaded");
    // A panic of the engine ends at the boundary; the files that make one are few.
    assert!(panics < 100, "{panics} mutations made the engine panic");
}

#[test]
fn every_truncation_is_refused() {
    for seed in seeds() {
        for length in 0..seed.len() {
            // A file may end between two fields and be whole, but not without its last one here.
            let read = OnnxFile::read(&seed[..length]);
            if let Ok(file) = read {
                assert!(!file.description().outputs.is_empty());
            }
        }
    }
}

#[test]
fn graphs_and_types_that_lie_too_deep_are_refused() {
    let mut inner = GraphProto {
        output: vec![value("w", &[])],
        ..Default::default()
    };
    for _ in 0..200 {
        inner = GraphProto {
            node: vec![rten_onnx::onnx::NodeProto {
                attribute: vec![graph_attribute("body", inner)],
                ..node("", "Loop", &[], "inner")
            }],
            output: vec![value("w", &[])],
            ..Default::default()
        };
    }
    let mut deep = model();
    deep.graph.as_mut().unwrap().node[1].attribute = vec![graph_attribute("body", inner)];
    let error = OnnxFile::read(&encode(&deep)).unwrap_err().to_string();
    assert!(error.contains("graphs lie more than 16 deep"), "{error}");

    let mut inner = TypeProto::default();
    for _ in 0..200 {
        inner = TypeProto {
            sequence: Some(Box::new(TypeProtoSequence {
                elem_type: Some(inner),
            })),
            ..Default::default()
        };
    }
    let mut deep = model();
    deep.graph.as_mut().unwrap().input[0].r#type = Some(inner);
    let error = OnnxFile::read(&encode(&deep)).unwrap_err().to_string();
    assert!(error.contains("nested more than 8 deep"), "{error}");
}

#[test]
fn many_small_things_are_refused_before_they_are_kept() {
    // Two bytes for a node that takes two hundred in memory.
    let mut graph = Vec::new();
    for _ in 0..2_000_000 {
        graph.extend_from_slice(&[0x1a + 0x48, 0x00]);
    }
    let mut bytes = vec![0x08, 0x08, 0x3a];
    let mut length = graph.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend_from_slice(&graph);
    let error = OnnxFile::read(&bytes).unwrap_err();
    assert!(matches!(error, OnnxError::TooLarge(_)), "{error}");
}

#[test]
fn many_sets_of_operators_are_refused() {
    // Version 17 of the standard set, again and again.
    let import: [u8; 4] = [0x42, 0x02, 0x10, 0x11];
    let bytes = [encode(&model()), import.repeat(65)].concat();
    let error = OnnxFile::read(&bytes).unwrap_err();
    assert!(matches!(error, OnnxError::TooLarge(_)), "{error}");
}

#[test]
fn a_graph_or_a_tensor_that_is_there_twice_is_refused() {
    let bytes = encode(&model());
    // The same fields again: readers differ in whether they merge or replace.
    let twice = [bytes.as_slice(), bytes.as_slice()].concat();
    let error = OnnxFile::read(&twice).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it is damaged: the graph: it is there twice"
    );
}
