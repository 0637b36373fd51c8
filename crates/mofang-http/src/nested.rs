//! Numbers in nested lists of JSON, read in one pass into the values that a model takes.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::number::ToModel as _;

/// Values with the shape of their nesting.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Nested {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
    /// What the texts of the values were.
    pub(crate) facts: Facts,
}

/// What was seen of the numbers before they became `f32`.
#[derive(Debug, PartialEq)]
pub(crate) struct Facts {
    pub(crate) least: f64,
    pub(crate) greatest: f64,
    pub(crate) has_booleans: bool,
    pub(crate) has_fractions: bool,
    /// The place of the first whole number that no `f32` is equal to.
    pub(crate) first_inexact: Option<usize>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
            has_booleans: false,
            has_fractions: false,
            first_inexact: None,
        }
    }
}

impl Nested {
    /// Reads a list whose opening bracket was seen already.
    pub(crate) fn from_list<'de, A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        let mut nested = Self::default();
        let level = Level {
            depth: 0,
            nested: &mut nested,
        };
        level.visit_seq(list)?;
        Ok(nested)
    }

    fn remember_inexact(&mut self) {
        let place = self.values.len();
        self.facts.first_inexact.get_or_insert(place);
    }
}

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut nested = Self::default();
        let level = Level {
            depth: 0,
            nested: &mut nested,
        };
        serde::de::DeserializeSeed::deserialize(level, deserializer)?;
        Ok(nested)
    }
}

/// Most dimensions of nested data.
const DEPTH_MAX: usize = 8;

/// Reads a number or a list at `depth` into the values.
struct Level<'a> {
    depth: usize,
    nested: &'a mut Nested,
}

impl Level<'_> {
    fn push<E: serde::de::Error>(self, value: f32) -> Result<(), E> {
        // Depth 0 would be a bare number in place of a list; a number beside lists is uneven.
        if self.depth == 0 || self.depth != self.nested.shape.len() {
            return Err(E::custom("a number stands where a list has to"));
        }
        self.nested.values.push(value);
        Ok(())
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.nested.facts.has_booleans = true;
        self.push(f32::from(u8::from(value)))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(E::custom("a text stands where a number has to"))
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers in lists of equal length")
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "inputs are f32; too large ones become infinite and are refused as such"
    )]
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        let facts = &mut self.nested.facts;
        facts.least = facts.least.min(value);
        facts.greatest = facts.greatest.max(value);
        facts.has_fractions |= value.fract() != 0.0;
        self.push(value as f32)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "inputs are f32; whether one is lost is remembered"
    )]
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        if u64::to_model(value).is_none() {
            self.nested.remember_inexact();
        }
        self.visit_f64(value as f64)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "inputs are f32; whether one is lost is remembered"
    )]
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        if i64::to_model(value).is_none() {
            self.nested.remember_inexact();
        }
        self.visit_f64(value as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let depth = self.depth;
        if depth >= DEPTH_MAX {
            return Err(A::Error::custom("the lists are nested too deeply"));
        }
        // The first list at each depth decides how long all at this depth are.
        let is_first = self.nested.shape.len() == depth;
        if is_first {
            if !self.nested.values.is_empty() {
                return Err(A::Error::custom("a list stands where a number has to"));
            }
            self.nested.shape.push(0);
        }
        let mut length = 0;
        while list
            .next_element_seed(Level {
                depth: depth + 1,
                nested: self.nested,
            })?
            .is_some()
        {
            length += 1;
        }
        match self.nested.shape.get_mut(depth) {
            Some(size) if is_first => *size = length,
            Some(size) if *size == length => {}
            _ => return Err(A::Error::custom("the lists of one depth differ in length")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(text: &str) -> Result<(Vec<usize>, usize), serde_json::Error> {
        serde_json::from_str::<Nested>(text).map(|nested| (nested.shape, nested.values.len()))
    }

    #[test]
    fn data_are_flat_or_nested() {
        assert_eq!(nested("[1, 2.5, -3]").unwrap(), (vec![3], 3));
        assert_eq!(nested("[[1, 2], [3, 4], [5, 6]]").unwrap(), (vec![3, 2], 6));
        assert_eq!(nested("[[[1]], [[2]]]").unwrap(), (vec![2, 1, 1], 2));
        assert_eq!(nested("[]").unwrap(), (vec![0], 0));
    }

    #[test]
    fn uneven_and_strange_data_are_refused() {
        for text in [
            "[[1, 2], [3]]",
            "[1, [2]]",
            "[[1], 2]",
            "[[1], [[2]]]",
            "[\"NaN\"]",
            "[null]",
            "[NaN]",
            "7",
            "{}",
            "[[[[[[[[[[1]]]]]]]]]]",
        ] {
            assert!(nested(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn what_the_numbers_were_is_remembered() {
        let facts = |text: &str| serde_json::from_str::<Nested>(text).unwrap().facts;
        let whole = facts("[-3, 200, 2.0]");
        assert_eq!((whole.least, whole.greatest), (-3.0, 200.0));
        assert!(!whole.has_fractions && !whole.has_booleans);
        assert_eq!(whole.first_inexact, None);
        assert_eq!(facts("[16777216, 16777217]").first_inexact, Some(1));
        assert_eq!(facts("[-9223372036854775807]").first_inexact, Some(0));
        assert!(facts("[0.5]").has_fractions);
        assert!(facts("[true, 1]").has_booleans);
    }
}
