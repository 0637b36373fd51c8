//! The tensors of a message: raw, or typed in a field for each kind of element.

use std::collections::HashMap;

use bytes::Bytes;
use mofang_grpc::inference::infer_parameter::ParameterChoice;
use mofang_grpc::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use mofang_grpc::inference::model_infer_response::InferOutputTensor;
use mofang_grpc::inference::{InferParameter, InferTensorContents};
use serde_json::Value;

use super::super::answer::{OutputTensor, OutputValues, RequestedOutput};
use super::super::datatype::{Datatype, NO_TEXTS, inexact};
use super::super::input::{InputTensor, Values};
use super::super::parameters::{Parameters, number, refuse_shared_memory};
use crate::ApiError;
use crate::number::ToModel;

/// The inputs of a message, each with its raw contents when it has raw ones.
pub(super) fn inputs(
    inputs: Vec<InferInputTensor>,
    raw: Vec<Bytes>,
) -> Result<Vec<InputTensor>, ApiError> {
    if !raw.is_empty() && raw.len() != inputs.len() {
        return Err(ApiError::invalid(format!(
            "there are {} inputs and {} raw_input_contents; each input has one",
            inputs.len(),
            raw.len()
        )));
    }
    let mut raw = raw.into_iter();
    inputs
        .into_iter()
        .map(|input| read(input, raw.next()))
        .collect()
}

fn read(input: InferInputTensor, raw: Option<Bytes>) -> Result<InputTensor, ApiError> {
    refuse_shared_memory(&parameters(input.parameters))?;
    let name: String = input.name.chars().take(80).collect();
    let refused = |reason: String| ApiError::invalid(format!("input \"{name}\": {reason}"));
    let datatype: Datatype = input.datatype.parse()?;
    let values = match (raw, input.contents) {
        (Some(_), Some(_)) => {
            return Err(refused(
                "it has contents as well as raw_input_contents; send one of them".to_owned(),
            ));
        }
        (None, None) => {
            return Err(refused(
                "it has no contents and no raw_input_contents".to_owned(),
            ));
        }
        (Some(bytes), None) => Values::Raw(bytes),
        (None, Some(contents)) => Values::Read(typed(contents, datatype).map_err(refused)?),
    };
    Ok(InputTensor {
        name: input.name,
        datatype,
        shape: input.shape,
        values,
    })
}

/// The values in the field that belongs to the datatype.
fn typed(contents: InferTensorContents, datatype: Datatype) -> Result<Vec<f32>, String> {
    let within = |lowest: i64, highest: i64| {
        let values = contents.int_contents.iter().map(|value| i64::from(*value));
        let unsigned = contents.uint_contents.iter().map(|value| i64::from(*value));
        let outside = values
            .chain(unsigned)
            .any(|value| value < lowest || value > highest);
        if outside {
            Err(format!("a number is out of the range of {datatype}"))
        } else {
            Ok(())
        }
    };
    match datatype {
        Datatype::Bool => Ok(contents
            .bool_contents
            .iter()
            .map(|value| f32::from(u8::from(*value)))
            .collect()),
        Datatype::Int8 => {
            within(i8::MIN.into(), i8::MAX.into()).and_then(|()| converted(contents.int_contents))
        }
        Datatype::Int16 => {
            within(i16::MIN.into(), i16::MAX.into()).and_then(|()| converted(contents.int_contents))
        }
        Datatype::Int32 => converted(contents.int_contents),
        Datatype::Int64 => converted(contents.int64_contents),
        Datatype::Uint8 => {
            within(0, u8::MAX.into()).and_then(|()| converted(contents.uint_contents))
        }
        Datatype::Uint16 => {
            within(0, u16::MAX.into()).and_then(|()| converted(contents.uint_contents))
        }
        Datatype::Uint32 => converted(contents.uint_contents),
        Datatype::Uint64 => converted(contents.uint64_contents),
        // The model's own: the values of the message are those that go to it.
        Datatype::Fp32 => Ok(contents.fp32_contents),
        Datatype::Fp64 => converted(contents.fp64_contents),
        Datatype::Fp16 | Datatype::Bf16 => Err(format!(
            "{datatype} has no field in contents; send it in raw_input_contents"
        )),
        Datatype::Bytes => Err(NO_TEXTS.to_owned()),
    }
}

fn converted<T: ToModel>(values: Vec<T>) -> Result<Vec<f32>, String> {
    values
        .into_iter()
        .enumerate()
        .map(|(index, value)| value.to_model().ok_or_else(|| inexact(index)))
        .collect()
}

/// The outputs that a message asks for.
pub(super) fn requested(
    outputs: Vec<InferRequestedOutputTensor>,
) -> Result<Vec<RequestedOutput>, ApiError> {
    outputs
        .into_iter()
        .map(|output| {
            let parameters = parameters(output.parameters);
            refuse_shared_memory(&parameters)?;
            let classes = number(&parameters, "classification")?;
            Ok(RequestedOutput {
                name: output.name,
                classes: classes.map(|classes| usize::try_from(classes).unwrap_or(usize::MAX)),
                is_binary: true,
            })
        })
        .collect()
}

/// The parameters of a message, as those of JSON are.
pub(super) fn parameters(parameters: HashMap<String, InferParameter>) -> Parameters {
    parameters
        .into_iter()
        .map(|(name, parameter)| {
            let value = match parameter.parameter_choice {
                Some(ParameterChoice::BoolParam(value)) => value.into(),
                Some(ParameterChoice::Int64Param(value)) => value.into(),
                Some(ParameterChoice::StringParam(value)) => value.into(),
                Some(ParameterChoice::DoubleParam(value)) => value.into(),
                Some(ParameterChoice::Uint64Param(value)) => value.into(),
                None => Value::Null,
            };
            (name, value)
        })
        .collect()
}

/// An output as a message holds it; the raw contents apart, unless the values are to be typed.
pub(super) fn output(output: OutputTensor, is_typed: bool) -> (InferOutputTensor, Option<Bytes>) {
    let datatype = output.values.datatype().to_string();
    let mut contents = None;
    let mut raw = None;
    if is_typed {
        let mut typed = InferTensorContents::default();
        match output.values {
            OutputValues::Floats(values) => typed.fp32_contents = values,
            OutputValues::Texts(texts) => {
                typed.bytes_contents = texts.into_iter().map(Bytes::from).collect();
            }
        }
        contents = Some(typed);
    } else {
        let mut bytes = Vec::new();
        output.values.write(&mut bytes);
        raw = Some(Bytes::from(bytes));
    }
    let tensor = InferOutputTensor {
        name: output.name,
        datatype,
        shape: output
            .shape
            .iter()
            .map(|size| i64::try_from(*size).unwrap_or(i64::MAX))
            .collect(),
        parameters: HashMap::new(),
        contents,
    };
    (tensor, raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> InferTensorContents {
        InferTensorContents::default()
    }

    #[test]
    fn each_datatype_has_its_field() {
        let whole = InferTensorContents {
            int_contents: vec![-128, 127],
            uint_contents: vec![0, 255],
            int64_contents: vec![-1],
            uint64_contents: vec![1 << 24],
            fp64_contents: vec![0.5],
            bool_contents: vec![true, false],
            ..contents()
        };
        for (datatype, expected) in [
            (Datatype::Int32, vec![-128.0, 127.0]),
            (Datatype::Uint32, vec![0.0, 255.0]),
            (Datatype::Int64, vec![-1.0]),
            (Datatype::Uint64, vec![16_777_216.0]),
            (Datatype::Fp64, vec![0.5]),
            (Datatype::Bool, vec![1.0, 0.0]),
            (Datatype::Fp32, vec![]),
        ] {
            assert_eq!(typed(whole.clone(), datatype), Ok(expected), "{datatype}");
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let signed = |value| InferTensorContents {
            int_contents: vec![value],
            ..contents()
        };
        assert!(typed(signed(128), Datatype::Int8).is_err());
        assert!(typed(signed(-128), Datatype::Int8).is_ok());
        assert!(typed(signed((1 << 24) + 1), Datatype::Int32).is_err());
        let unsigned = InferTensorContents {
            uint_contents: vec![256],
            ..contents()
        };
        assert!(typed(unsigned, Datatype::Uint8).is_err());
        assert!(typed(contents(), Datatype::Fp16).is_err());
        assert!(typed(contents(), Datatype::Bytes).is_err());
    }
}
