//! The form `inputs` with texts in place of numbers, for a model of texts.

use std::collections::BTreeMap;
use std::fmt;

use mofang_data::RawExample;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::request::{Asked, Params, of_input};
use crate::ApiError;
use crate::extract::parse_json;

/// A scoring request with texts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TextScoring {
    inputs: TextBatch,
    #[serde(default)]
    params: Option<Params>,
}

/// Texts, alone or under the name of the model's input.
#[derive(Debug)]
enum TextBatch {
    Alone(Vec<String>),
    Named(BTreeMap<String, Vec<String>>),
}

impl TextScoring {
    /// Reads a body; none when it is of another form, or its `inputs` are no texts.
    ///
    /// # Errors
    /// When its `inputs` begin with a text, and it is wrong.
    pub(super) fn read(body: &[u8]) -> Result<Option<Self>, ApiError> {
        match parse_json(body) {
            Ok(texts) => Ok(Some(texts)),
            // Read as numbers, the first text would be called wrong and not what is.
            Err(error) if begins_with_text(body) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The texts of the request.
    ///
    /// # Errors
    /// When they stand under another name than `input`.
    pub(super) fn into_asked(self, input: &str) -> Result<Asked, ApiError> {
        let texts = match self.inputs {
            TextBatch::Alone(texts) => texts,
            TextBatch::Named(by_name) => of_input(by_name, input)?,
        };
        Ok(Asked {
            examples: texts.into_iter().map(RawExample::Text).collect(),
            top_k: self.params.and_then(|params| params.top_k),
        })
    }
}

impl<'de> Deserialize<'de> for TextBatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextBatchVisitor)
    }
}

struct TextBatchVisitor;

impl<'de> Visitor<'de> for TextBatchVisitor {
    type Value = TextBatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts, or such a list under the name of an input")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<TextBatch, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(TextBatch::Alone)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextBatch, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(TextBatch::Named)
    }
}

/// Whether the first value under `inputs` is a text.
fn begins_with_text(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Beginning {
        inputs: IsText,
    }
    serde_json::from_slice::<Beginning>(body).is_ok_and(|beginning| beginning.inputs.0)
}

/// Whether a value is a text or, of a list or an object, the first in it.
struct IsText(bool);

impl<'de> Deserialize<'de> for IsText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IsTextVisitor)
    }
}

struct IsTextVisitor;

impl<'de> Visitor<'de> for IsTextVisitor {
    type Value = IsText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<IsText, E> {
        Ok(IsText(true))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<IsText, E> {
        Ok(IsText(false))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<IsText, E> {
        Ok(IsText(false))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<IsText, E> {
        Ok(IsText(false))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<IsText, E> {
        Ok(IsText(false))
    }

    fn visit_unit<E: Error>(self) -> Result<IsText, E> {
        Ok(IsText(false))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<IsText, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.unwrap_or(IsText(false)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<IsText, A::Error> {
        let first = map.next_entry::<IgnoredAny, IsText>()?;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(first.map_or(IsText(false), |(_, value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_a_text_is_told() {
        for (body, expected) in [
            (r#"{"inputs": ["a", 3]}"#, true),
            (
                r#"{"params": {}, "inputs": {"ids": ["a", null], "b": 1}}"#,
                true,
            ),
            (r#"{"inputs": [["a"]]}"#, true),
            (r#"{"inputs": "a"}"#, true),
            (r#"{"inputs": [3, "a"]}"#, false),
            (r#"{"inputs": [[-1, 2.5], ["a"]]}"#, false),
            (r#"{"inputs": {"ids": [[true]]}}"#, false),
            (r#"{"inputs": []}"#, false),
            (r#"{"inputs": {}}"#, false),
            (r#"{"inputs": null}"#, false),
            (r#"{"instances": ["a"]}"#, false),
            (r#"{"inputs": ["a""#, false),
        ] {
            assert_eq!(begins_with_text(body.as_bytes()), expected, "{body}");
        }
    }
}
