//! What is wrong with a model is said by name.

use mofang_onnx::{
    Array, ElementType, OnnxError, OnnxFile, Session, SessionOptions, Value, ValueKind,
};
use rten_onnx::onnx::{
    AttributeProto, DataLocation, DataType, GraphProto, ModelProto, NodeProto,
    StringStringEntryProto, TensorProto,
};

use crate::support::{encode, graph_attribute, model, model_of, node, value, weight};

fn refusal(model: &ModelProto) -> OnnxError {
    OnnxFile::read(&encode(model)).unwrap_err()
}

fn load_refusal(model: &ModelProto) -> OnnxError {
    Session::load(&encode(model), SessionOptions::default()).unwrap_err()
}

#[test]
fn a_small_model_is_described_and_run() {
    let bytes = encode(&model());
    assert!(OnnxFile::is_likely(&bytes));
    let file = OnnxFile::read(&bytes).unwrap();
    let description = file.description();
    assert_eq!(description.ir_version, 8);
    assert_eq!(description.producer_name, "a test");
    assert_eq!(description.parameters, 2);
    assert_eq!(
        description.metadata,
        [("key".to_owned(), "value".to_owned())]
    );
    let names: Vec<&str> = description
        .operators
        .iter()
        .map(|operator| operator.name.as_str())
        .collect();
    assert_eq!(names, ["Add", "Mul"]);
    assert!(matches!(
        description.inputs[0].kind,
        ValueKind::Tensor {
            element_type: ElementType::Float,
            ..
        }
    ));
    let session = Session::load(&bytes, SessionOptions::default()).unwrap();
    let input = Value::new(vec![3, 2], Array::Float(vec![1., 2., 3., 4., 5., 6.])).unwrap();
    let outputs = session.run(&[("x", &input)]).unwrap();
    // (x + w) · w with w = [10, 100]
    assert_eq!(outputs[0].0, "y");
    assert_eq!(
        outputs[0].1.array(),
        &Array::Float(vec![110., 10_200., 130., 10_400., 150., 10_600.])
    );
}

#[test]
fn calls_that_do_not_fit_are_refused_by_name() {
    let session = Session::load(&encode(&model()), SessionOptions::default()).unwrap();
    let floats = |shape: &[usize]| {
        Value::new(
            shape.to_vec(),
            Array::Float(vec![0.0; shape.iter().product()]),
        )
        .unwrap()
    };
    let whole = Value::new(vec![1, 2], Array::Int64(vec![1, 2])).unwrap();
    let good = floats(&[1, 2]);
    for (inputs, message) in [
        (vec![], "the input \"x\" is missing"),
        (vec![("z", &good)], "there is no input \"z\"; there are: x"),
        (
            vec![("x", &good), ("x", &good)],
            "the input \"x\" is given twice",
        ),
        (
            vec![("x", &floats(&[1, 3]))],
            "\"x\" has shape [1, 3], expected [batch, 2]",
        ),
        (
            vec![("x", &floats(&[2]))],
            "\"x\" has shape [2], expected [batch, 2]",
        ),
        (
            vec![("x", &whole)],
            "\"x\" has elements of type int64, expected float",
        ),
    ] {
        assert_eq!(session.run(&inputs).unwrap_err().to_string(), message);
    }
    assert!(Value::new(vec![2, 2], Array::Uint8(vec![0; 3])).is_err());
}

#[test]
fn a_graph_that_cannot_be_computed_is_refused() {
    let edit = |edit: &dyn Fn(&mut GraphProto)| {
        let mut model = model();
        edit(model.graph.as_mut().unwrap());
        refusal(&model).to_string()
    };
    for (message, expected) in [
        (
            edit(&|graph| graph.node[0].input[1] = "missing".to_owned()),
            "its graph is wrong: node \"first\" (Add) reads \"missing\", which nothing makes",
        ),
        (
            edit(&|graph| graph.node[0].input[0] = "y".to_owned()),
            "its graph is wrong: node \"first\" (Add) reads \"y\", which node \"second\" (Mul) makes: \
             there is a cycle through node \"first\" (Add)",
        ),
        (
            edit(&|graph| graph.node[0].input[0] = "sum".to_owned()),
            "its graph is wrong: node \"first\" (Add) reads \"sum\", which node \"first\" (Add) makes: \
             there is a cycle through node \"first\" (Add)",
        ),
        (
            edit(&|graph| graph.node.reverse()),
            "its graph is wrong: node \"second\" (Mul) reads \"sum\" before node \"first\" (Add) makes \
             it: its nodes are not in order",
        ),
        (
            edit(&|graph| graph.node[1].output[0] = "sum".to_owned()),
            "its graph is wrong: node \"second\" (Mul) makes \"sum\", which is there already",
        ),
        (
            edit(&|graph| graph.node[1].output[0] = "x".to_owned()),
            "its graph is wrong: node \"second\" (Mul) makes \"x\", which is there already",
        ),
        (
            edit(&|graph| graph.node[1].output[0] = "elsewhere".to_owned()),
            "its graph is wrong: nothing makes its output \"y\"",
        ),
        (
            edit(&|graph| graph.output.clear()),
            "its graph is wrong: it has no outputs",
        ),
        (
            edit(&|graph| graph.output.push(graph.output[0].clone())),
            "its graph is wrong: it has two outputs of the name \"y\"",
        ),
        (
            edit(&|graph| graph.input.push(graph.input[0].clone())),
            "its graph is wrong: it has two inputs of the name \"x\"",
        ),
        (
            edit(&|graph| graph.initializer.push(graph.initializer[0].clone())),
            "its graph is wrong: it has two initializers of the name \"w\"",
        ),
        (
            edit(&|graph| graph.node[0].op_type = None),
            "its graph is wrong: node \"first\" () has no operator",
        ),
    ] {
        assert_eq!(message, expected);
    }
}

#[test]
fn weights_that_contradict_themselves_are_refused() {
    let edit = |edit: &dyn Fn(&mut TensorProto)| {
        let mut model = model();
        edit(&mut model.graph.as_mut().unwrap().initializer[0]);
        refusal(&model).to_string()
    };
    for (message, expected) in [
        (
            edit(&|tensor| tensor.dims = vec![3]),
            "it is damaged: tensor \"w\": its shape [3] of float has 12 bytes, and 8 are there",
        ),
        (
            edit(&|tensor| tensor.dims = vec![-2]),
            "it is damaged: tensor \"w\": its shape [-2] has a negative size",
        ),
        (
            edit(&|tensor| tensor.dims = vec![i64::MAX, 2]),
            "it is too large: tensor \"w\" has the shape [9223372036854775807, 2], and 2147483648 \
             elements are the most",
        ),
        (
            edit(&|tensor| tensor.dims = vec![1 << 40, 0]),
            "it is too large: tensor \"w\" has the shape [1099511627776, 0], and 2147483648 elements \
             are the most",
        ),
        (
            edit(&|tensor| tensor.dims = vec![1; 17]),
            "it is too large: a tensor has more than 16 numbers in a row",
        ),
        (
            edit(&|tensor| tensor.data_type = Some(DataType(99))),
            "it is damaged: tensor \"w\": 99 is no element type",
        ),
        (
            edit(&|tensor| tensor.float_data = vec![1.0, 2.0]),
            "it is damaged: tensor \"w\": its values are there twice",
        ),
    ] {
        assert_eq!(message, expected);
    }
}

/// SEC-41: the payloads of the path traversals of ONNX, each a path out of the model's folder.
#[test]
fn sec_41_values_in_other_files_are_refused_and_named() {
    for (location, outside) in [
        ("model.onnx.data", false),
        ("weights/model.data", false),
        ("a..b", false),
        ("../secret", true),
        ("weights/../../secret", true),
        ("..\\secret", true),
        ("/etc/passwd", true),
        ("\\\\host\\share", true),
        ("C:\\secret", true),
        ("weights/.. /secret", true),
        ("a\0b", true),
    ] {
        let mut model = model();
        let tensor = &mut model.graph.as_mut().unwrap().initializer[0];
        tensor.raw_data = None;
        tensor.data_location = Some(DataLocation::EXTERNAL);
        tensor.external_data = vec![StringStringEntryProto {
            key: Some("location".to_owned()),
            value: Some(location.to_owned()),
        }];
        let error = refusal(&model);
        let OnnxError::ExternalData { tensor, reason, .. } = &error else {
            panic!("{location}: {error}");
        };
        assert_eq!(tensor, "w");
        assert_eq!(reason.contains("outside"), outside, "{location}: {reason}");
        assert!(error.to_string().contains("save the model as one file"));
    }
}

#[test]
fn every_unsupported_operator_is_told_before_anything_runs() {
    let mut model = model();
    let graph = model.graph.as_mut().unwrap();
    graph.node.insert(0, node("a", "Einsumm", &["x"], "a"));
    graph.node.insert(1, node("b", "Einsumm", &["a"], "b"));
    graph.node.insert(
        2,
        NodeProto {
            domain: Some("com.example".to_owned()),
            ..node("c", "Fancy", &["b"], "c")
        },
    );
    graph.node.insert(
        3,
        NodeProto {
            attribute: vec![AttributeProto {
                name: Some("mode".to_owned()),
                s: Some("cubic".to_owned()),
                r#type: Some(rten_onnx::onnx::AttributeType::STRING),
                ..Default::default()
            }],
            ..node("d", "Resize", &["x", "", "w"], "d")
        },
    );
    let error = load_refusal(&model);
    assert_eq!(
        error.to_string(),
        "the engine does not run Einsumm of opset 17: it is not among the operators that there are \
         (node \"a\" (Einsumm) and 1 more); com.example.Fancy: it is not among the operators that \
         there are (node \"c\" (Fancy)); Resize of opset 17: the engine interpolates linearly where \
         the mode is cubic (node \"d\" (Resize))"
    );
}

#[test]
fn an_operator_within_a_branch_is_told_too() {
    let branch = |operator: &str| GraphProto {
        node: vec![node("inside", operator, &["sum"], "branch")],
        output: vec![value("branch", &[])],
        ..Default::default()
    };
    let mut model = model();
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(rten_onnx::onnx::ValueInfoProto {
        name: Some("choice".to_owned()),
        ..value_of("choice", DataType::BOOL)
    });
    graph.node[1] = NodeProto {
        attribute: vec![
            graph_attribute("then_branch", branch("Relu")),
            graph_attribute("else_branch", branch("Reluu")),
        ],
        ..node("second", "If", &["choice"], "y")
    };
    let error = load_refusal(&model).to_string();
    assert!(error.contains("Reluu of opset 17"), "{error}");
    assert!(error.contains("node \"inside\" (Reluu)"), "{error}");
}

fn value_of(name: &str, data_type: DataType) -> rten_onnx::onnx::ValueInfoProto {
    let mut value = value(name, &[]);
    value
        .r#type
        .as_mut()
        .unwrap()
        .tensor_type
        .as_mut()
        .unwrap()
        .elem_type = Some(data_type);
    value
}

#[test]
fn softmax_of_an_old_model_takes_all_dimensions_from_its_axis_on() {
    // Two rows of two by one: by the old rule four values of a row sum to 1.
    let mut model = model_of(
        vec![node("softmax", "Softmax", &["x"], "y")],
        vec![],
        value("x", &["batch", "2", "2"]),
        value("y", &["batch", "2", "2"]),
    );
    model.opset_import[0].version = Some(11);
    let session = Session::load(&encode(&model), SessionOptions::default()).unwrap();
    let input = Value::new(vec![2, 2, 2], Array::Float(vec![1.0; 8])).unwrap();
    let outputs = session.run(&[("x", &input)]).unwrap();
    assert_eq!(outputs[0].1.array(), &Array::Float(vec![0.25; 8]));
}

#[test]
fn whole_numbers_beyond_the_engine_are_refused() {
    let mut model = model_of(
        vec![node("identity", "Identity", &["x"], "y")],
        vec![],
        value("x", &["batch"]),
        value("y", &["batch"]),
    );
    let graph = model.graph.as_mut().unwrap();
    for side in [&mut graph.input[0], &mut graph.output[0]] {
        side.r#type
            .as_mut()
            .unwrap()
            .tensor_type
            .as_mut()
            .unwrap()
            .elem_type = Some(DataType::INT64);
    }
    let session = Session::load(&encode(&model), SessionOptions::default()).unwrap();
    let run = |value: i64| {
        let input = Value::new(vec![1], Array::Int64(vec![value])).unwrap();
        session
            .run(&[("x", &input)])
            .map(|outputs| outputs[0].1.clone())
    };
    assert_eq!(run(-5).unwrap().array(), &Array::Int64(vec![-5]));
    assert!(
        run(1 << 40)
            .unwrap_err()
            .to_string()
            .contains("not between")
    );
}

#[test]
fn other_files_are_called_other_files() {
    for bytes in [
        &b""[..],
        b"\x80\x02ctorch",
        b"PK\x03\x04abcd",
        b"\x89HDF\r\n",
        b"{\"a\": 1}",
    ] {
        let error = OnnxFile::read(bytes).unwrap_err();
        assert!(matches!(error, OnnxError::NotOnnx(_)), "{error}");
        assert!(!OnnxFile::is_likely(bytes));
    }
    let weightless = weight("w", &[2]);
    assert_eq!(weightless.dims, [2]);
}
