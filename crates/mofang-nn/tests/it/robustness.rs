//! Hostile and mistaken inputs are errors, never panics.

use mofang_nn::{Network, NetworkSpec, NnError, Strictness, architectures, cpu_device};
use mofang_types::{ArchitectureSpec, Coded, ErrorCode, ModelInput};
use serde_json::{Value, json};

fn build(name: &str, config: Value, image_shape: [usize; 3]) -> Result<Network, NnError> {
    let spec = NetworkSpec {
        architecture: ArchitectureSpec {
            name: name.to_owned(),
            config,
        },
        input: ModelInput::image(image_shape),
        outputs: 10,
    };
    Network::new(&spec, 1, &cpu_device())
}

#[test]
fn impossible_specifications_are_refused() {
    let huge = u64::MAX;
    for (name, config, image) in [
        ("lenet", json!({}), [1, 8, 8]),
        ("lenet", json!({"depth": 5}), [1, 28, 28]),
        ("lenet", json!([]), [1, 28, 28]),
        ("lenet", json!({}), [0, 28, 28]),
        ("lenet", json!({}), [1, usize::MAX, 28]),
        ("resnet", json!({"depth": 21}), [3, 32, 32]),
        ("resnet", json!({"depth": 0}), [3, 32, 32]),
        ("resnet", json!({"depth": "20"}), [3, 32, 32]),
        (
            "mobilenet_v2",
            json!({"width_multiplier": 0.0}),
            [3, 32, 32],
        ),
        (
            "mobilenet_v2",
            json!({"width_multiplier": 1e9}),
            [3, 32, 32],
        ),
        ("mobilenet_v2", json!({"dropout": 1.0}), [3, 32, 32]),
        ("squeezenet", json!({"version": "2"}), [3, 64, 64]),
        ("squeezenet", json!({}), [3, 2, 2]),
        ("squeezenet", json!({"dropout": -0.5}), [3, 64, 64]),
        (
            "simple_cnn",
            json!({"blocks": [{"channels": 0}]}),
            [1, 8, 8],
        ),
        (
            "simple_cnn",
            json!({"blocks": [{"channels": huge}]}),
            [1, 8, 8],
        ),
        ("vit", json!({}), [3, 60, 64]),
        ("vit", json!({"patch_size": 0}), [3, 64, 64]),
        ("vit", json!({"num_attention_heads": 7}), [3, 64, 64]),
        ("vit", json!({"num_hidden_layers": 0}), [3, 64, 64]),
        (
            "vit",
            json!({"hidden_size": huge, "num_attention_heads": 1}),
            [3, 64, 64],
        ),
        ("simple_cnn", json!({"hidden": [huge]}), [1, 8, 8]),
        (
            "simple_cnn",
            json!({"hidden": [1_000_000, 1_000_000]}),
            [1, 8, 8],
        ),
        (
            "simple_cnn",
            json!({"blocks": [{"channels": 4, "kernel": 2}]}),
            [1, 8, 8],
        ),
        (
            "simple_cnn",
            json!({"blocks": [{"channels": 4, "convolutions": huge}]}),
            [1, 8, 8],
        ),
        (
            "simple_cnn",
            json!({"blocks": [{"channels": 4, "dropout": 2.0}]}),
            [1, 8, 8],
        ),
        (
            "simple_cnn",
            json!({"blocks": [{"channels": 4, "kernal": 3}]}),
            [1, 8, 8],
        ),
        (
            "simple_cnn",
            json!({"blocks": vec![json!({"channels": 4}); 5]}),
            [1, 8, 8],
        ),
    ] {
        match build(name, config.clone(), image) {
            Err(error) => assert_eq!(error.code(), ErrorCode::InvalidInput, "{error}"),
            Ok(_) => panic!("{name} {config} {image:?} was accepted"),
        }
    }
}

#[test]
fn every_architecture_describes_itself() {
    for architecture in architectures::all() {
        assert!(!architecture.summary().is_empty());
        let options = architecture.options();
        assert!(
            options.is_sorted_by_key(|option| option.name),
            "{}",
            architecture.name()
        );
        // Each option is one that the configuration takes: its default, written out, is accepted.
        let config: serde_json::Map<String, Value> = options
            .iter()
            .filter_map(|option| {
                Some((
                    option.name.to_owned(),
                    serde_json::from_str(option.default).ok()?,
                ))
            })
            .collect();
        crate::spec_for(architecture.name(), &Value::Object(config));
    }
}

#[test]
fn broken_weights_are_refused() {
    let network = || build("lenet", Value::Null, [1, 28, 28]).unwrap();
    let good = network().to_safetensors().unwrap();
    let refused = |bytes: &[u8], what: &str| {
        let result = network().load_safetensors(bytes, Strictness::Exact);
        match result {
            Err(error) => assert_eq!(error.code(), ErrorCode::InvalidInput, "{what}: {error}"),
            Ok(_) => panic!("{what} was accepted"),
        }
    };
    for length in [0, 4, 8, 100, good.len() / 2, good.len() - 1] {
        refused(&good[..length], &format!("{length} bytes"));
    }
    refused(&[good.as_slice(), &[0]].concat(), "a byte too many");
    let mut long_header = good.clone();
    long_header[..8].copy_from_slice(&(17_u64 << 20).to_le_bytes());
    refused(&long_header, "a header of 17 MiB");
    long_header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    refused(&long_header, "a header of all memory");
    let header = String::from_utf8_lossy(&good[8..])
        .find("\"shape\":[6]")
        .unwrap()
        + 8;
    let mut wrong_shape = good.clone();
    wrong_shape[header + 9] = b'7';
    refused(&wrong_shape, "a shape that is not its data's");
    let header = String::from_utf8_lossy(&good[8..]).find("F32").unwrap() + 8;
    let mut wrong_dtype = good.clone();
    wrong_dtype[header..header + 3].copy_from_slice(b"I32");
    refused(&wrong_dtype, "integers");
}

#[test]
fn a_wrong_input_is_named() {
    let network = build("lenet", Value::Null, [1, 28, 28]).unwrap();
    assert!(network.check_input(&[3, 1, 28, 28]).is_ok());
    for shape in [
        &[1_usize, 28, 28][..],
        &[1, 3, 28, 28],
        &[0, 1, 28, 28],
        &[],
    ] {
        assert!(network.check_input(shape).is_err(), "{shape:?}");
    }
}
