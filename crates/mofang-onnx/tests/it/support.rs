//! What the tests share: archives of cases, tensors of files, models made here.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use mofang_onnx::{Array, Value};
use rten_onnx::onnx::{
    self, AttributeProto, AttributeType, DataType, GraphProto, ModelProto, NodeProto, TensorProto,
    ValueInfoProto,
};
use rten_onnx::protobuf::{DecodeMessage as _, ValueReader};

/// The files of a tar archive, which may be compressed, by path.
pub(crate) fn archive(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let reader: Box<dyn Read> = if bytes.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::read::GzDecoder::new(bytes.as_slice()))
    } else {
        Box::new(bytes.as_slice())
    };
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(reader).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let name = entry.path().unwrap().display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(name, bytes);
        }
    }
    files
}

/// A `TensorProto` in a file of its own; `Err` names a type that is not read.
pub(crate) fn tensor(bytes: &[u8]) -> Result<Value, String> {
    let proto =
        TensorProto::decode(ValueReader::from_buf(bytes)).map_err(|error| error.to_string())?;
    let shape: Vec<usize> = proto
        .dims
        .iter()
        .map(|size| usize::try_from(*size).unwrap())
        .collect();
    let raw = proto.raw_data.as_ref().map(|raw| raw.borrow().clone());
    let data_type = proto.data_type.unwrap();
    let array = match data_type {
        DataType::FLOAT => {
            Array::Float(raw.map_or(proto.float_data, |raw| elements(&raw, f32::from_le_bytes)))
        }
        DataType::DOUBLE => {
            Array::Double(raw.map_or(proto.double_data, |raw| elements(&raw, f64::from_le_bytes)))
        }
        DataType::INT64 => {
            Array::Int64(raw.map_or(proto.int64_data, |raw| elements(&raw, i64::from_le_bytes)))
        }
        DataType::INT32 => {
            Array::Int32(raw.map_or(proto.int32_data, |raw| elements(&raw, i32::from_le_bytes)))
        }
        DataType::BOOL => Array::Bool(narrow(raw, &proto.int32_data, |value| value != 0)),
        DataType::UINT8 => Array::Uint8(narrow(raw, &proto.int32_data, |value| value)),
        DataType::INT8 => Array::Int8(narrow(raw, &proto.int32_data, u8::cast_signed)),
        // float16 values are exchanged as f32.
        DataType::FLOAT16 => Array::Float(raw.map_or_else(
            || {
                proto
                    .int32_data
                    .iter()
                    .map(|bits| half(u16::try_from(*bits).unwrap()))
                    .collect()
            },
            |raw| elements(&raw, |bytes| half(u16::from_le_bytes(bytes))),
        )),
        other => return Err(other.name().unwrap_or("unknown").to_lowercase()),
    };
    Value::new(shape, array).map_err(|error| error.to_string())
}

fn elements<T, const SIZE: usize>(raw: &[u8], read: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
    raw.as_chunks::<SIZE>()
        .0
        .iter()
        .map(|bytes| read(*bytes))
        .collect()
}

fn narrow<T>(raw: Option<Vec<u8>>, numbers: &[i32], read: impl Fn(u8) -> T) -> Vec<T> {
    raw.unwrap_or_else(|| {
        numbers
            .iter()
            .map(|number| number.to_le_bytes()[0])
            .collect()
    })
    .into_iter()
    .map(read)
    .collect()
}

fn half(bits: u16) -> f32 {
    half::f16::from_bits(bits).to_f32()
}

/// A node of one output.
pub(crate) fn node(name: &str, operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: Some(name.to_owned()),
        op_type: Some(operator.to_owned()),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

/// A tensor of `f32` by name, whose dimensions are numbers or names.
pub(crate) fn value(name: &str, shape: &[&str]) -> ValueInfoProto {
    let dim = shape
        .iter()
        .map(|text| onnx::Dimension {
            dim_value: text.parse().ok(),
            dim_param: text.parse::<i64>().is_err().then(|| (*text).to_owned()),
        })
        .collect();
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(onnx::TypeProto {
            tensor_type: Some(onnx::TypeProtoTensor {
                elem_type: Some(DataType::FLOAT),
                shape: Some(onnx::TensorShapeProto { dim }),
            }),
            ..Default::default()
        }),
    }
}

/// A weight of `f32`: 10, 100, 1000, …
pub(crate) fn weight(name: &str, shape: &[i64]) -> TensorProto {
    let elements: i64 = shape.iter().product();
    let bytes = (1..=elements).flat_map(|power| {
        let power = i32::try_from(power).unwrap();
        10.0_f32.powi(power).to_le_bytes()
    });
    TensorProto {
        name: Some(name.to_owned()),
        dims: shape.to_vec(),
        data_type: Some(DataType::FLOAT),
        raw_data: Some(std::cell::RefCell::new(bytes.collect())),
        ..Default::default()
    }
}

pub(crate) fn graph_attribute(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        g: Some(graph),
        r#type: Some(AttributeType::GRAPH),
        ..Default::default()
    }
}

/// A model of opset 17.
pub(crate) fn model_of(
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
    input: ValueInfoProto,
    output: ValueInfoProto,
) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        producer_name: Some("a test".to_owned()),
        opset_import: vec![onnx::OperatorSetIdProto {
            domain: None,
            version: Some(17),
        }],
        metadata_props: vec![onnx::StringStringEntryProto {
            key: Some("key".to_owned()),
            value: Some("value".to_owned()),
        }],
        graph: Some(GraphProto {
            node: nodes,
            initializer: weights,
            input: vec![input],
            output: vec![output],
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// `y = (x + w) · w`.
pub(crate) fn model() -> ModelProto {
    model_of(
        vec![
            node("first", "Add", &["x", "w"], "sum"),
            node("second", "Mul", &["sum", "w"], "y"),
        ],
        vec![weight("w", &[2])],
        value("x", &["batch", "2"]),
        value("y", &["batch", "2"]),
    )
}

pub(crate) fn encode(model: &ModelProto) -> Vec<u8> {
    model.write_buf().unwrap()
}
