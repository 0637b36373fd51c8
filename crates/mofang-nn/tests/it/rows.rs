//! Networks on rows of a table; `golden.rs` compares them with PyTorch.

use mofang_nn::{Network, NetworkSpec, cpu_device};
use mofang_types::ModelInput;

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
