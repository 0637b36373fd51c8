//! One value of a scoring request: a number, a tensor in nested lists, a text, or a file in base64.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mofang_data::{Domain, RawExample};
use mofang_types::Tensor;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::ApiError;
use crate::nested::Nested;

/// One value of a request, read in one pass.
#[derive(Debug, PartialEq)]
pub(super) enum Cell {
    /// Nothing, which only a row of a table may have.
    Missing,
    /// A number, which is a feature of its row.
    Number(f64),
    /// Lists of numbers.
    Tensor(Nested),
    /// A text; for a model of anything but texts a file in base64, as pandas writes bytes.
    Text(String),
    /// A file in base64, as TensorFlow Serving writes bytes.
    Bytes(String),
    /// True or false, which only a row of a table may have.
    Truth(bool),
}

/// What the model of a request takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    /// The name of its input.
    pub(super) name: &'a str,
    /// The shape of an example, where it is fixed.
    pub(super) example_shape: Option<&'a [usize]>,
    /// What its transforms take: of texts a string is one.
    pub(super) domain: Domain,
}

impl Cell {
    /// The cell as one example of a model.
    pub(super) fn into_example(self, taken: Taken<'_>) -> Result<RawExample, ApiError> {
        let example_shape = taken.example_shape;
        match self {
            Self::Text(text) if taken.domain == Domain::Text => Ok(RawExample::Text(text)),
            Self::Bytes(text) | Self::Text(text) => {
                let bytes = STANDARD
                    .decode(text.trim())
                    .map_err(|_| ApiError::invalid("a text is not the base64 of a file"))?;
                Ok(RawExample::Encoded(bytes))
            }
            Self::Tensor(nested) => tensor(nested.shape, nested.values, example_shape),
            Self::Number(value) => tensor(vec![1], vec![narrow(value)], example_shape),
            Self::Missing | Self::Truth(_) => Err(ApiError::invalid(
                "null, true or false stands where a number, lists of numbers or an image in base64 has to",
            )),
        }
    }

    /// The cell as one of a row of a table, whose texts are texts.
    pub(super) fn into_table_cell(self, column: &str) -> Result<mofang_data::Cell, ApiError> {
        match self {
            Self::Missing => Ok(mofang_data::Cell::Missing),
            Self::Number(number) => Ok(mofang_data::Cell::Number(number)),
            Self::Bytes(text) | Self::Text(text) => Ok(mofang_data::Cell::Text(text)),
            Self::Truth(value) => Ok(mofang_data::Cell::Text(value.to_string())),
            Self::Tensor(_) => Err(ApiError::invalid(format!(
                "the column \"{column}\" is a list; a cell is a number, a text, true, false or null"
            ))),
        }
    }
}

/// Inputs are f32; too large ones become infinite and are refused as such.
#[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
pub(super) fn narrow(value: f64) -> f32 {
    value as f32
}

/// An example of these values; a flat one takes the shape of the model's inputs when it fits.
pub(super) fn tensor(
    shape: Vec<usize>,
    values: Vec<f32>,
    example_shape: Option<&[usize]>,
) -> Result<RawExample, ApiError> {
    let shape = match example_shape {
        Some(expected)
            if shape.len() == 1 && expected.iter().product::<usize>() == values.len() =>
        {
            expected.to_vec()
        }
        _ => shape,
    };
    Ok(RawExample::Tensor(Tensor::new(shape, values)?))
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, lists of numbers, a text, or an image in base64")
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Cell, E> {
        Ok(Cell::Number(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "inputs are f32")]
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Cell, E> {
        Ok(Cell::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "inputs are f32")]
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell::Number(value as f64))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Cell, E> {
        Ok(Cell::Truth(value))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Cell, E> {
        Ok(Cell::Missing)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell::Text(text.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Cell, E> {
        Ok(Cell::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Cell, A::Error> {
        let nested = Nested::from_list(list)?;
        if nested.facts.has_booleans {
            return Err(A::Error::custom(
                "true or false stands where a number has to",
            ));
        }
        Ok(Cell::Tensor(nested))
    }

    /// TensorFlow Serving's way to say that a text is base64.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        match map.next_entry::<String, String>()? {
            Some((name, text)) if name == "b64" && map.next_key::<String>()?.is_none() => {
                Ok(Cell::Bytes(text))
            }
            _ => Err(A::Error::custom(
                "an object has to be {\"b64\": …} with an image",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken<'a>(domain: Domain) -> Taken<'a> {
        Taken {
            name: "input",
            example_shape: None,
            domain,
        }
    }

    #[test]
    fn cells_are_numbers_tensors_or_images() {
        let cell = |text: &str| serde_json::from_str::<Cell>(text).unwrap();
        assert_eq!(cell("2"), Cell::Number(2.0));
        assert_eq!(cell("-0.5"), Cell::Number(-0.5));
        assert_eq!(cell("\"aGk=\""), Cell::Text("aGk=".to_owned()));
        assert_eq!(cell("{\"b64\": \"aGk=\"}"), Cell::Bytes("aGk=".to_owned()));
        let Cell::Tensor(nested) = cell("[[1, 2], [3, 4]]") else {
            panic!("lists are a tensor")
        };
        assert_eq!(nested.shape, [2, 2]);
        for (text, expected) in [("null", Cell::Missing), ("true", Cell::Truth(true))] {
            assert_eq!(cell(text), expected);
            assert!(
                cell(text).into_example(taken(Domain::Image)).is_err(),
                "{text}"
            );
            assert!(cell(text).into_table_cell("a").is_ok(), "{text}");
        }
        assert!(cell("[1]").into_table_cell("a").is_err());
        for text in [
            "{}",
            "{\"b64\": 1}",
            "{\"b64\": \"a\", \"c\": \"d\"}",
            "[\"a\"]",
            "[true]",
        ] {
            assert!(serde_json::from_str::<Cell>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_flat_tensor_takes_the_models_shape() {
        let shape_of = |shape: Vec<usize>, count: usize| {
            let example = tensor(shape, vec![0.0; count], Some(&[1, 2, 2])).unwrap();
            let RawExample::Tensor(tensor) = example else {
                panic!("no tensor");
            };
            tensor.shape().to_vec()
        };
        assert_eq!(shape_of(vec![4], 4), [1, 2, 2]);
        assert_eq!(shape_of(vec![3], 3), [3]);
        assert_eq!(shape_of(vec![2, 2], 4), [2, 2]);
        let broken = Cell::Text("%%%".to_owned()).into_example(taken(Domain::Image));
        assert!(broken.unwrap_err().detail.contains("base64"));
        let text = Cell::Text("%%%".to_owned()).into_example(taken(Domain::Text));
        assert_eq!(text.unwrap(), RawExample::Text("%%%".to_owned()));
    }
}
