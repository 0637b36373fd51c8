//! The forms in which inputs come: tensors as JSON or bytes, images and recordings raw or as a form, rows as
//! CSV or JSON lines.

use std::fmt;

use axum::http::HeaderMap;
use bytes::Bytes;
use mofang_data::{DataError, RawExample, Row, RowFormat, read_rows};
use mofang_types::{DType, ErrorCode, Tensor};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::ApiError;
use crate::body::{form, refused_form};
use crate::extract::{is_file, media_type, parse_json};
use crate::nested::Nested;

/// What the body asked for.
#[derive(Debug)]
pub(super) struct Inputs {
    /// The inputs, or why one cannot be read, in the order of the body.
    pub(super) examples: Vec<Result<RawExample, ApiError>>,
    /// How many classes each answer shall have.
    pub(super) top_k: Option<usize>,
}

impl Inputs {
    fn one(example: RawExample) -> Self {
        Self {
            examples: vec![Ok(example)],
            top_k: None,
        }
    }
}

/// A JSON body: several inputs, or one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PredictBody {
    /// The inputs, each one example without a batch dimension.
    inputs: Vec<InputBody>,
    /// How many classes each answer has; the package's own number when absent.
    #[serde(default)]
    top_k: Option<usize>,
}

/// One example: a text, a row of a table, or a tensor prepared as the model takes it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, remote = "Self")]
pub(crate) struct InputBody {
    /// A text, for a model of texts.
    #[serde(default)]
    #[schema(example = "my card has not arrived")]
    text: Option<String>,
    /// A row of a table, for a model of tables: a number, a text, true, false or null for each column.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    row: Option<serde_json::Map<String, serde_json::Value>>,
    /// The sizes of the dimensions; may be absent when `data` is nested.
    #[serde(default)]
    #[schema(example = json!([1, 8, 8]))]
    shape: Option<Vec<usize>>,
    /// The element type; `i64` for whole numbers, which have to be below 2^24.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "f32")]
    dtype: Option<DType>,
    /// The values in row-major order, flat or nested by dimension.
    #[serde(default)]
    #[schema(value_type = Option<Vec<f32>>)]
    data: Option<Nested>,
}

impl<'de> Deserialize<'de> for InputBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InputVisitor)
    }
}

/// Takes an object alone: the derived reading takes a list for an object whose fields come in order.
struct InputVisitor;

impl<'de> Visitor<'de> for InputVisitor {
    type Value = InputBody;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `text`, `row` or `data`")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<InputBody, A::Error> {
        // The derived reading, which `remote` makes a function of the type's own.
        InputBody::deserialize(MapAccessDeserializer::new(map))
    }
}

impl InputBody {
    fn into_example(self) -> Result<RawExample, ApiError> {
        let of_tensor = self.shape.is_some() || self.dtype.is_some() || self.data.is_some();
        match (self.text, self.row, self.data) {
            (Some(text), None, None) if !of_tensor => Ok(RawExample::Text(text)),
            (None, Some(row), None) if !of_tensor => Ok(RawExample::Row(Row::from_json(&row)?)),
            (None, None, Some(data)) => tensor_of(self.shape, self.dtype, data),
            _ => Err(ApiError::invalid(
                "an input is one of `text`, `row` and `data`, the last one perhaps with `shape` and `dtype`",
            )),
        }
    }
}

/// The tensor that a caller has prepared.
fn tensor_of(
    declared: Option<Vec<usize>>,
    dtype: Option<DType>,
    data: Nested,
) -> Result<RawExample, ApiError> {
    match dtype {
        None | Some(DType::F32 | DType::I64) => {}
    }
    let Nested {
        shape,
        values,
        facts,
    } = data;
    if facts.has_booleans {
        return Err(ApiError::invalid(
            "true or false stands in the data where a number has to",
        ));
    }
    let is_flat = shape.len() == 1;
    let shape = match declared {
        Some(declared) if is_flat || declared == shape => declared,
        Some(declared) => {
            return Err(ApiError::invalid(format!(
                "the data are nested as {shape:?}, which is not the shape {declared:?}"
            )));
        }
        None => shape,
    };
    Ok(RawExample::Tensor(Tensor::new(shape, values)?))
}

/// Reads a body by its media type. `example_shape` is what raw bytes are taken for.
pub(super) async fn read_inputs(
    headers: &HeaderMap,
    body: Bytes,
    example_shape: impl AsyncFnOnce() -> Result<Vec<usize>, ApiError>,
    inputs_max: usize,
) -> Result<Inputs, ApiError> {
    let inputs = match media_type(headers).as_deref() {
        Some("application/json") => read_json(&body)?,
        Some("text/csv") => read_table(RowFormat::Csv, &body, inputs_max)?,
        Some("application/jsonl" | "application/x-ndjson") => {
            read_table(RowFormat::JsonLines, &body, inputs_max)?
        }
        Some(media_type) if is_file(media_type) => Inputs::one(RawExample::Encoded(body.into())),
        Some("application/octet-stream") => {
            Inputs::one(RawExample::Tensor(read_raw(&body, example_shape().await?)?))
        }
        Some("multipart/form-data") => read_form(headers, body, inputs_max).await?,
        _ => {
            return Err(ApiError::new(
                ErrorCode::UnsupportedMediaType,
                "the body has to be application/json, text/csv, application/jsonl, text/plain, image/png, image/jpeg, \
                 image/bmp, audio/wav, audio/flac, audio/mpeg, multipart/form-data or application/octet-stream",
            ));
        }
    };
    match inputs.examples.len() {
        0 => Err(ApiError::invalid("the body has no input")),
        count if count > inputs_max => Err(ApiError::invalid(format!(
            "the body has {count} inputs, at most {inputs_max} are accepted; send several requests"
        ))),
        _ => Ok(inputs),
    }
}

fn read_json(body: &[u8]) -> Result<Inputs, ApiError> {
    // Which of the two forms is meant shows in one word; trying both would hide why one failed.
    #[derive(Deserialize)]
    struct Form {
        #[serde(default)]
        inputs: Option<serde::de::IgnoredAny>,
    }
    // A list would be taken for an object whose fields come in order.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::invalid(
            "the body is a list; send an object with `inputs`, or a single input",
        ));
    }
    let form: Form = parse_json(body)?;
    let (inputs, top_k) = if form.inputs.is_some() {
        let body: PredictBody = parse_json(body)?;
        (body.inputs, body.top_k)
    } else {
        (vec![parse_json::<InputBody>(body)?], None)
    };
    Ok(Inputs {
        examples: inputs.into_iter().map(InputBody::into_example).collect(),
        top_k,
    })
}

/// The rows of a table, of too many one more than are accepted; a bad one fails alone.
fn read_table(format: RowFormat, body: &[u8], inputs_max: usize) -> Result<Inputs, ApiError> {
    let rows = read_rows(format, body, inputs_max)?.into_iter();
    let example = |row: Result<Row, DataError>| Ok(RawExample::Row(row?));
    Ok(Inputs {
        examples: rows.map(example).collect(),
        top_k: None,
    })
}

fn read_raw(body: &[u8], shape: Vec<usize>) -> Result<Tensor, ApiError> {
    let (chunks, rest) = body.as_chunks::<4>();
    let elements: usize = shape.iter().product();
    if !rest.is_empty() || chunks.len() != elements {
        return Err(ApiError::invalid(format!(
            "the body has {} bytes; an input of shape {shape:?} has {elements} little-endian f32, \
             {} bytes",
            body.len(),
            elements * 4
        )));
    }
    let values = chunks
        .iter()
        .map(|chunk| f32::from_le_bytes(*chunk))
        .collect();
    Ok(Tensor::new(shape, values)?)
}

async fn read_form(
    headers: &HeaderMap,
    body: Bytes,
    inputs_max: usize,
) -> Result<Inputs, ApiError> {
    let mut form = form(headers, body).await?;
    let mut inputs = Inputs {
        examples: Vec::new(),
        top_k: None,
    };
    while let Some(field) = form.next_field().await.map_err(refused_form)? {
        if field.name() == Some("top_k") && field.file_name().is_none() {
            let text = field.text().await.map_err(refused_form)?;
            let top_k = text
                .trim()
                .parse()
                .map_err(|_| ApiError::invalid("the field top_k is not a number"))?;
            inputs.top_k = Some(top_k);
            continue;
        }
        let bytes = field.bytes().await.map_err(refused_form)?;
        inputs.examples.push(Ok(RawExample::Encoded(bytes.into())));
        if inputs.examples.len() > inputs_max {
            break;
        }
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_input_and_several_are_told_apart() {
        let one = read_json(br#"{"shape": [1, 2], "data": [1, 2]}"#).unwrap();
        assert_eq!(one.examples.len(), 1);
        let several =
            read_json(br#"{"inputs": [{"data": [[1]]}, {"data": [[2]]}], "top_k": 2}"#).unwrap();
        assert_eq!((several.examples.len(), several.top_k), (2, Some(2)));
        for text in [
            r#"{"inputs": [{"dtype": "f16", "data": [1]}]}"#,
            r#"{"inputs": 3}"#,
            r#"{"input": []}"#,
            r#"{"inputs": [["abc"]]}"#,
            "[]",
        ] {
            assert!(read_json(text.as_bytes()).is_err(), "{text} was accepted");
        }
        let texts = read_json(
            br#"{"inputs": [{"text": "a"}, {"row": {"b": null}}, {"text": "a", "row": {}}, {}]}"#,
        );
        let texts = texts.unwrap().examples;
        assert!(matches!(&texts[0], Ok(RawExample::Text(text)) if text == "a"));
        assert!(matches!(&texts[1], Ok(RawExample::Row(_))));
        assert!(texts[2].is_err() && texts[3].is_err());
        let mixed =
            read_json(br#"{"inputs": [{"data": [[1]]}, {"shape": [3], "data": [1]}]}"#).unwrap();
        assert!(mixed.examples[0].is_ok() && mixed.examples[1].is_err());
    }

    #[test]
    fn raw_bytes_must_fill_the_shape_exactly() {
        assert_eq!(
            read_raw(&1.5_f32.to_le_bytes(), vec![1]).unwrap().data(),
            [1.5]
        );
        assert!(read_raw(&[0; 7], vec![2]).is_err());
        assert!(read_raw(&[0; 12], vec![2]).is_err());
    }
}
