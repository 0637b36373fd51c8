//! Weights without a specification are recognized by their names and shapes.

use std::collections::BTreeMap;

use mofang_nn::{
    Network, NetworkSpec, StateDict, Strictness, WeightShapes, architectures, cpu_device,
};
use mofang_types::{ArchitectureSpec, ModelInput};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
struct Published {
    shapes: BTreeMap<String, Vec<usize>>,
    #[serde(default)]
    features: Vec<String>,
}

fn published() -> BTreeMap<String, Published> {
    serde_json::from_str(include_str!("../golden/torchvision_shapes.json")).unwrap()
}

fn spec(name: &str, config: Value, image_shape: [usize; 3], classes: usize) -> NetworkSpec {
    NetworkSpec {
        architecture: ArchitectureSpec {
            name: name.to_owned(),
            config,
        },
        input: ModelInput::image(image_shape),
        outputs: classes,
    }
}

#[test]
fn torchvisions_networks_are_recognized_and_others_are_not() {
    for (name, Published { shapes, features }) in published() {
        let found = architectures::recognize(&WeightShapes::new(shapes));
        let expected = match name.as_str() {
            "mobilenet_v2" => ("mobilenet_v2", json!({"width_multiplier": 1.0})),
            "squeezenet1_0" => ("squeezenet", json!({"version": "1.0"})),
            "squeezenet1_1" => ("squeezenet", json!({"version": "1.1"})),
            _ if name.starts_with("resnet") => {
                let depth: u64 = name["resnet".len()..].parse().unwrap();
                ("resnet", json!({ "depth": depth }))
            }
            _ if features.is_empty() => {
                // A wide residual network has the names of another and not its shapes.
                let is_wide = name.starts_with("wide");
                assert!(found.is_none() || is_wide, "{name} is no {found:?}");
                continue;
            }
            _ => {
                let found = found.unwrap_or_else(|| panic!("{name} is not recognized"));
                assert_eq!(found.architecture.name, "sequential");
                let layers = &found.architecture.config["layers"][0]["layers"];
                let kinds: Vec<String> = layers
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|layer| layer["type"].as_str().unwrap().replace('_', ""))
                    .collect();
                let features: Vec<String> =
                    features.iter().map(|kind| kind.to_lowercase()).collect();
                assert_eq!(kinds, features, "{name}");
                continue;
            }
        };
        let expected = spec(expected.0, expected.1, [3, 224, 224], 1000);
        assert_eq!(found, Some(expected), "{name}");
    }
}

#[test]
fn what_a_network_saves_is_recognized_as_itself() {
    let device = cpu_device();
    let mut specs = vec![
        spec("lenet", json!({}), [1, 28, 28], 10),
        spec("lenet", json!({}), [3, 32, 32], 7),
        spec(
            "mobilenet_v2",
            json!({"width_multiplier": 0.35}),
            [3, 224, 224],
            5,
        ),
        spec("squeezenet", json!({"version": "1.1"}), [1, 224, 224], 5),
    ];
    for depth in [20, 32, 44, 56] {
        specs.push(spec("resnet", json!({ "depth": depth }), [3, 32, 32], 10));
    }
    let vit = json!({
        "hidden_size": 128, "num_attention_heads": 2, "num_hidden_layers": 2,
        "intermediate_size": 16, "patch_size": 4,
    });
    specs.push(spec("vit", vit, [3, 16, 16], 6));
    let recurrent = |kind, layers| {
        json!({
            "kind": kind, "hidden_size": 12, "layers": layers, "bidirectional": layers > 1,
        })
    };
    specs.push(spec("recurrent", recurrent("gru", 1), [1, 28, 28], 10));
    for (name, mut config) in [
        ("recurrent", recurrent("lstm", 2)),
        ("text_cnn", json!({"filters": 5, "widths": [2, 3]})),
    ] {
        config["embedding_size"] = 8.into();
        specs.push(NetworkSpec {
            input: ModelInput::Tokens {
                vocabulary_size: 50,
                length_max: 512,
                padding_id: 0,
            },
            ..spec(name, config, [1, 1, 1], 4)
        });
    }
    for spec in specs {
        let network = Network::new(&spec, 1, &device).unwrap();
        let state = StateDict::from_safetensors(&network.to_safetensors().unwrap()).unwrap();
        assert_eq!(
            architectures::recognize(&state.shapes()),
            Some(spec.clone())
        );

        // Within two wrappers it is the same, and is loaded.
        let wrapped = state.names().map(|name| {
            (
                format!("module.model.{name}"),
                state.get(name).unwrap().clone(),
            )
        });
        let wrapped = StateDict::new(wrapped);
        assert_eq!(
            architectures::recognize(&wrapped.shapes()),
            Some(spec.clone())
        );
        let zeroed = Network::zeroed(&spec, &device).unwrap();
        let (loaded, report) = zeroed.load_state(wrapped, Strictness::Exact).unwrap();
        assert!(report.is_exact());
        assert_eq!(loaded.values().unwrap(), network.values().unwrap());
    }
}

#[test]
fn a_layout_that_only_looks_like_one_is_not_recognized() {
    let vgg = || published().remove("vgg11").unwrap().shapes;
    for (from, to) in [
        // Two layers that would have one number, and a gap that nothing explains.
        ("features.3.weight", "features.1.weight"),
        ("features.3.weight", "features.4.weight"),
        ("classifier.6.weight", "classifier.5.weight"),
    ] {
        let mut shapes = vgg();
        let shape = shapes.remove(from).unwrap();
        shapes.insert(to.to_owned(), shape);
        assert_eq!(architectures::recognize(&WeightShapes::new(shapes)), None);
    }
}
