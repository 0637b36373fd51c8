//! Models that do what the tests need.

use std::sync::Arc;
use std::time::Duration;

use mofang_host::{HOST_COMMAND, HostError, HostLimits, HostProgram, ModelHost};
use mofang_onnx::{Array, Value};
use mofang_types::SystemClock;
use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor, ValueInfoProto,
};

pub(crate) fn program() -> HostProgram {
    HostProgram {
        path: env!("CARGO_BIN_EXE_mofang-host").into(),
        arguments: vec![HOST_COMMAND.into()],
    }
}

/// Small limits, so that what goes beyond them does so soon.
pub(crate) fn limits() -> HostLimits {
    HostLimits {
        memory_bytes: 1 << 30,
        load_timeout: Duration::from_secs(30),
        run_timeout: Duration::from_secs(30),
        failures_max: 3,
        ..HostLimits::default()
    }
}

pub(crate) fn start(model: &[u8], limits: HostLimits) -> Result<ModelHost, HostError> {
    ModelHost::start(program(), model, limits, Arc::new(SystemClock::new()))
}

pub(crate) fn integers(values: &[i64]) -> Value {
    Value::new(vec![values.len()], Array::Int64(values.to_vec())).unwrap()
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

fn value(name: &str, data_type: DataType, rank: usize) -> ValueInfoProto {
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(TypeProtoTensor {
                elem_type: Some(data_type),
                shape: Some(TensorShapeProto {
                    dim: vec![Dimension::default(); rank],
                }),
            }),
            ..Default::default()
        }),
    }
}

fn integer(name: &str, dims: &[i64], value: i64) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(DataType::INT64),
        int64_data: vec![value],
        ..Default::default()
    }
}

fn encode(graph: GraphProto) -> Vec<u8> {
    let model = ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(17),
        }],
        graph: Some(graph),
        ..Default::default()
    };
    model.write_buf().unwrap()
}

/// `y = sum(zeros(shape))`: as much memory as the request says. A shape with a product of less than
/// some millions is answered with 0.
pub(crate) fn allocator() -> Vec<u8> {
    encode(GraphProto {
        node: vec![
            node("ConstantOfShape", &["shape"], "zeros"),
            node("Exp", &["zeros"], "ones"),
            node("ReduceMean", &["ones"], "y"),
        ],
        input: vec![value("shape", DataType::INT64, 1)],
        output: vec![value("y", DataType::FLOAT, 0)],
        ..Default::default()
    })
}

/// `y = zeros(shape)`: as large an answer as the request says.
pub(crate) fn flood() -> Vec<u8> {
    encode(GraphProto {
        node: vec![node("ConstantOfShape", &["shape"], "y")],
        input: vec![value("shape", DataType::INT64, 1)],
        output: vec![value("y", DataType::FLOAT, 1)],
        ..Default::default()
    })
}

/// `y = x + 1 + … + 1`, as often as the request says: any time that one likes.
pub(crate) fn counter() -> Vec<u8> {
    let body = GraphProto {
        node: vec![
            node("Identity", &["go"], "go_on"),
            node("Add", &["sum", "one"], "next"),
        ],
        input: vec![
            value("round", DataType::INT64, 0),
            value("go", DataType::BOOL, 0),
            value("sum", DataType::INT64, 1),
        ],
        output: vec![
            value("go_on", DataType::BOOL, 0),
            value("next", DataType::INT64, 1),
        ],
        ..Default::default()
    };
    encode(GraphProto {
        node: vec![
            node("Squeeze", &["rounds"], "count"),
            NodeProto {
                attribute: vec![AttributeProto {
                    name: Some("body".to_owned()),
                    g: Some(body),
                    r#type: Some(AttributeType::GRAPH),
                    ..Default::default()
                }],
                ..node("Loop", &["count", "", "x"], "y")
            },
        ],
        initializer: vec![integer("one", &[1], 1)],
        input: vec![
            value("rounds", DataType::INT64, 1),
            value("x", DataType::INT64, 1),
        ],
        output: vec![value("y", DataType::INT64, 1)],
        ..Default::default()
    })
}

/// A model that asks for 400 GB when it is loaded: the engine computes what is constant then.
pub(crate) fn bomb() -> Vec<u8> {
    encode(GraphProto {
        node: vec![
            node("ConstantOfShape", &["size"], "zeros"),
            node("Exp", &["zeros"], "ones"),
            node("ReduceMean", &["ones"], "mean"),
            node("Add", &["mean", "x"], "y"),
        ],
        initializer: vec![integer("size", &[1], 100_000_000_000)],
        input: vec![value("x", DataType::FLOAT, 1)],
        output: vec![value("y", DataType::FLOAT, 1)],
        ..Default::default()
    })
}

/// `y = w · x` with a matrix of 1024 by `columns`: as large a model as one likes.
pub(crate) fn large(columns: i64) -> Vec<u8> {
    let bytes = usize::try_from(1024 * columns * 4).unwrap();
    encode(GraphProto {
        node: vec![node("MatMul", &["x", "w"], "y")],
        initializer: vec![TensorProto {
            name: Some("w".to_owned()),
            dims: vec![1024, columns],
            data_type: Some(DataType::FLOAT),
            raw_data: Some(std::cell::RefCell::new(vec![0; bytes])),
            ..Default::default()
        }],
        input: vec![value("x", DataType::FLOAT, 2)],
        output: vec![value("y", DataType::FLOAT, 2)],
        ..Default::default()
    })
}

/// `y = x`.
pub(crate) fn identity() -> Vec<u8> {
    encode(GraphProto {
        node: vec![node("Identity", &["x"], "y")],
        input: vec![value("x", DataType::FLOAT, 4)],
        output: vec![value("y", DataType::FLOAT, 4)],
        ..Default::default()
    })
}
