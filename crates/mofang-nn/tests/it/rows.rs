//! Networks on rows of a table; `golden.rs` compares them with PyTorch.

use mofang_nn::{Network, NetworkSpec, NnError, cpu_device, tensor_from_burn};
use mofang_types::{ArchitectureSpec, ModelInput, Tensor};
use serde_json::{Value, json};

fn spec(name: &str, config: Value, input: ModelInput) -> NetworkSpec {
    NetworkSpec {
        architecture: ArchitectureSpec {
            name: name.to_owned(),
            config,
        },
        input,
        outputs: 2,
    }
}

fn build(name: &str, config: Value, input: ModelInput) -> Result<Network, NnError> {
    Network::new(&spec(name, config, input), 1, &cpu_device())
}

fn row() -> ModelInput {
    ModelInput::Row {
        numbers: 2,
        categories: vec![3],
    }
}

#[test]
fn what_an_mlp_cannot_be_is_refused() {
    for (config, input, part) in [
        (
            json!({}),
            ModelInput::image([1, 2, 2]),
            "takes rows of a table",
        ),
        (json!({"hiden": [3]}), row(), "did you mean \"hidden\"?"),
        (json!({"dropout": 1.0}), row(), "probability of dropout"),
        (
            json!({"numbers": {"kind": "periodic", "sigma": 0.0}}),
            row(),
            "sigma",
        ),
        (
            json!({"category_dimension": 0}),
            row(),
            "category_dimension",
        ),
        // As many numbers as wrap around to one column.
        (
            json!({}),
            ModelInput::Row {
                numbers: usize::MAX,
                categories: vec![1, 1],
            },
            "are not between 1 and",
        ),
    ] {
        let message = build("mlp", config, input).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn what_an_ft_transformer_cannot_be_is_refused() {
    let huge = u64::MAX;
    for (config, input, part) in [
        (
            json!({}),
            ModelInput::image([1, 2, 2]),
            "takes rows of a table",
        ),
        (json!({"d_tokens": 8}), row(), "did you mean \"d_token\"?"),
        (json!({"d_token": 12}), row(), "no multiple of 8"),
        (json!({"attention_n_heads": 0}), row(), "no multiple of 0"),
        (json!({"d_token": 0}), row(), "d_token = 0 is not from 1"),
        (json!({"d_token": huge}), row(), "to 16384"),
        (json!({"ffn_d_hidden": 0}), row(), "ffn_d_hidden = 0"),
        (json!({"ffn_d_hidden": huge}), row(), "to 16384"),
        (json!({"ffn_activation": "relu"}), row(), "`geglu`"),
        (json!({"n_blocks": 0}), row(), "0 blocks"),
        (json!({"n_blocks": huge}), row(), "blocks are not from 1"),
        (
            json!({"attention_dropout": 1.0}),
            row(),
            "probability of dropout",
        ),
        (
            json!({"ffn_dropout": -0.1}),
            row(),
            "probability of dropout",
        ),
        (
            json!({"residual_dropout": 2.0}),
            row(),
            "probability of dropout",
        ),
    ] {
        let message = build("ft_transformer", config, input)
            .unwrap_err()
            .to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_code_that_a_category_does_not_have_is_refused() {
    for name in ["ft_transformer", "mlp"] {
        let network = build(name, crate::small_config(name), row()).unwrap();
        let wrong_code = Tensor::new(vec![1, 3], vec![0.0, 0.0, 3.0]).unwrap();
        let message = network.infer(&wrong_code).unwrap_err().to_string();
        assert!(message.contains("the code of a category"), "{message}");
    }
}

#[test]
fn an_ft_transformer_takes_numbers_or_categories_alone() {
    for (numbers, categories, missing) in [
        (3, vec![], "cat_embeddings"),
        (0, vec![4, 2, 2], "cont_embeddings"),
    ] {
        let input = ModelInput::Row {
            numbers,
            categories,
        };
        let config = crate::small_config("ft_transformer");
        let network = build("ft_transformer", config, input).unwrap();
        let mut names = network.parameters().into_iter().map(|info| info.name);
        assert!(names.all(|name| !name.starts_with(missing)), "{missing}");
        let rows = Tensor::new(vec![2, 3], vec![0.0, 1.0, 1.0, 3.0, 0.0, 1.0]).unwrap();
        let outputs = network.infer(&rows).unwrap();
        assert_eq!(outputs.shape(), [2, 2]);
        // Rows do not look at each other.
        let second = Tensor::new(vec![1, 3], rows.data()[3..].to_vec()).unwrap();
        let alone = network.infer(&second).unwrap();
        mofang_types::testing::assert_close(alone.data(), &outputs.data()[2..], 1e-5);
        assert_ne!(outputs.data()[..2], outputs.data()[2..]);
    }
}

#[test]
fn an_ft_transformer_drops_out_in_training_alone_and_by_the_seed_of_the_step() {
    let device = cpu_device().autodiff();
    for dropout in ["attention_dropout", "ffn_dropout", "residual_dropout"] {
        let mut config = crate::small_config("ft_transformer");
        for name in ["attention_dropout", "ffn_dropout", "residual_dropout"] {
            config[name] = json!(if name == dropout { 0.5 } else { 0.0 });
        }
        let network = Network::new(&spec("ft_transformer", config, row()), 1, &device).unwrap();
        let rows = Tensor::new(vec![2, 3], vec![0.5, 1.0, 1.0, -2.0, 0.0, 2.0]).unwrap();
        let input = || network.input(rows.clone(), &device).unwrap();
        let train = |seed| tensor_from_burn(network.forward_train(input(), seed)).unwrap();
        let evaluate = || tensor_from_burn(network.forward(input())).unwrap();
        assert_eq!(train(1), train(1), "{dropout}");
        assert_ne!(train(1), train(2), "{dropout}");
        assert_eq!(evaluate(), evaluate(), "{dropout}");
    }
}
