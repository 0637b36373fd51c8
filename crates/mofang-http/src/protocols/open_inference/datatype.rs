//! The datatypes of the protocol, and how their bytes become the values that a model takes.

use std::fmt;
use std::str::FromStr;

use half::{bf16, f16};
use mofang_types::{DType, closest};

use crate::ApiError;
use crate::nested::{Facts, Nested};
use crate::number::ToModel;

/// A datatype of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datatype {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Bf16,
    Fp32,
    Fp64,
    Bytes,
}

const ALL: [(Datatype, &str); 14] = [
    (Datatype::Bf16, "BF16"),
    (Datatype::Bool, "BOOL"),
    (Datatype::Bytes, "BYTES"),
    (Datatype::Fp16, "FP16"),
    (Datatype::Fp32, "FP32"),
    (Datatype::Fp64, "FP64"),
    (Datatype::Int16, "INT16"),
    (Datatype::Int32, "INT32"),
    (Datatype::Int64, "INT64"),
    (Datatype::Int8, "INT8"),
    (Datatype::Uint16, "UINT16"),
    (Datatype::Uint32, "UINT32"),
    (Datatype::Uint64, "UINT64"),
    (Datatype::Uint8, "UINT8"),
];

impl fmt::Display for Datatype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ALL.iter().find(|(datatype, _)| datatype == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl From<DType> for Datatype {
    fn from(dtype: DType) -> Self {
        match dtype {
            DType::F32 => Self::Fp32,
            DType::I64 => Self::Int64,
        }
    }
}

impl FromStr for Datatype {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let found = ALL.iter().find(|(_, name)| *name == text);
        found.map(|(datatype, _)| *datatype).ok_or_else(|| {
            let names = ALL.iter().map(|(_, name)| *name);
            let hint = closest(&text.to_ascii_uppercase(), names)
                .map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
            let text: String = text.chars().take(20).collect();
            ApiError::invalid(format!(
                "\"{text}\" is not a datatype of the protocol{hint}"
            ))
        })
    }
}

impl Datatype {
    /// The bytes of one element; `None` when elements differ in length.
    pub(super) fn size_bytes(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }

    /// Little-endian elements as the values that a model takes.
    ///
    /// # Errors
    /// With the place of the first element that no such value is equal to.
    pub(super) fn read(self, bytes: &[u8]) -> Result<Vec<f32>, usize> {
        match self {
            Self::Bool => from_chunks::<1, u8>(bytes, |[byte]| byte).and_then(|values| {
                let other = values.iter().position(|value| *value > 1.0);
                other.map_or(Ok(values), Err)
            }),
            Self::Uint8 => from_chunks::<1, _>(bytes, u8::from_le_bytes),
            Self::Int8 => from_chunks::<1, _>(bytes, i8::from_le_bytes),
            Self::Uint16 => from_chunks::<2, _>(bytes, u16::from_le_bytes),
            Self::Int16 => from_chunks::<2, _>(bytes, i16::from_le_bytes),
            Self::Fp16 => from_chunks::<2, _>(bytes, f16::from_le_bytes),
            Self::Bf16 => from_chunks::<2, _>(bytes, bf16::from_le_bytes),
            Self::Uint32 => from_chunks::<4, _>(bytes, u32::from_le_bytes),
            Self::Int32 => from_chunks::<4, _>(bytes, i32::from_le_bytes),
            // The model's own: nothing can be lost, so that nothing is looked at but copied.
            Self::Fp32 => Ok(bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|chunk| f32::from_le_bytes(*chunk))
                .collect()),
            Self::Uint64 => from_chunks::<8, _>(bytes, u64::from_le_bytes),
            Self::Int64 => from_chunks::<8, _>(bytes, i64::from_le_bytes),
            Self::Fp64 => from_chunks::<8, _>(bytes, f64::from_le_bytes),
            Self::Bytes => Err(0),
        }
    }

    /// Checks that the numbers of a JSON text are ones of this datatype.
    pub(super) fn check(self, nested: &Nested) -> Result<(), String> {
        let Facts {
            least,
            greatest,
            has_booleans,
            has_fractions,
            first_inexact,
        } = nested.facts;
        let range = match self {
            Self::Bool => Some((0.0, 1.0)),
            Self::Uint8 => Some((0.0, f64::from(u8::MAX))),
            Self::Uint16 => Some((0.0, f64::from(u16::MAX))),
            Self::Uint32 => Some((0.0, f64::from(u32::MAX))),
            Self::Uint64 => Some((0.0, 18_446_744_073_709_551_615.0)),
            Self::Int8 => Some((f64::from(i8::MIN), f64::from(i8::MAX))),
            Self::Int16 => Some((f64::from(i16::MIN), f64::from(i16::MAX))),
            Self::Int32 => Some((f64::from(i32::MIN), f64::from(i32::MAX))),
            Self::Int64 => Some((-9_223_372_036_854_775_808.0, 9_223_372_036_854_775_807.0)),
            Self::Fp16 | Self::Bf16 | Self::Fp32 | Self::Fp64 | Self::Bytes => None,
        };
        if self == Self::Bytes {
            return Err(NO_TEXTS.to_owned());
        }
        if has_booleans && self != Self::Bool {
            return Err("true or false stands where a number has to".to_owned());
        }
        let Some((lowest, highest)) = range else {
            return Ok(());
        };
        if has_fractions {
            return Err(format!(
                "a fraction stands where a whole number of {self} has to"
            ));
        }
        // Without numbers the least is above the greatest and both are infinite.
        if greatest >= least && (least < lowest || greatest > highest) {
            return Err(format!("a number is out of the range of {self}"));
        }
        match first_inexact {
            Some(index) => Err(inexact(index)),
            None => Ok(()),
        }
    }
}

/// Why BYTES cannot be an input.
pub(super) const NO_TEXTS: &str = "BYTES is not what the model takes; send its prepared numbers as FP32 (/v1/models/{model}/predict takes images)";

/// Why a whole number cannot be an input.
pub(super) fn inexact(index: usize) -> String {
    format!("element {index} is a number that FP32, which the model takes, cannot hold exactly")
}

fn from_chunks<const N: usize, T: ToModel>(
    bytes: &[u8],
    read: impl Fn([u8; N]) -> T,
) -> Result<Vec<f32>, usize> {
    let (chunks, _) = bytes.as_chunks::<N>();
    let mut values = Vec::with_capacity(chunks.len());
    for (index, chunk) in chunks.iter().enumerate() {
        values.push(read(*chunk).to_model().ok_or(index)?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_protocol() {
        for (datatype, name) in ALL {
            assert_eq!(name.parse::<Datatype>().unwrap(), datatype);
            assert_eq!(datatype.to_string(), name);
        }
        let error = "fp32".parse::<Datatype>().unwrap_err();
        assert!(
            error.detail.contains("did you mean \"FP32\""),
            "{}",
            error.detail
        );
    }

    #[test]
    fn bytes_become_values_or_the_place_of_what_is_lost() {
        let bytes = |values: &[i64]| -> Vec<u8> {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        assert_eq!(Datatype::Int64.read(&bytes(&[1, -2])), Ok(vec![1.0, -2.0]));
        assert_eq!(Datatype::Int64.read(&bytes(&[1, (1 << 24) + 1])), Err(1));
        assert_eq!(Datatype::Uint8.read(&[0, 255]), Ok(vec![0.0, 255.0]));
        assert_eq!(Datatype::Int8.read(&[255]), Ok(vec![-1.0]));
        assert_eq!(Datatype::Bool.read(&[0, 1]), Ok(vec![0.0, 1.0]));
        assert_eq!(Datatype::Bool.read(&[1, 2]), Err(1));
        assert_eq!(Datatype::Fp16.read(&[0x00, 0x3e]), Ok(vec![1.5]));
        assert_eq!(Datatype::Bf16.read(&[0xc0, 0x3f]), Ok(vec![1.5]));
        assert_eq!(Datatype::Fp64.read(&1.5_f64.to_le_bytes()), Ok(vec![1.5]));
        assert_eq!(Datatype::Fp32.read(&1.5_f32.to_le_bytes()), Ok(vec![1.5]));
    }

    #[test]
    fn json_numbers_are_held_to_their_datatype() {
        let check = |datatype: Datatype, text: &str| {
            datatype.check(&serde_json::from_str::<Nested>(text).unwrap())
        };
        for (datatype, text) in [
            (Datatype::Fp32, "[0.5, 16777217]"),
            (Datatype::Uint8, "[0, 255]"),
            (Datatype::Int64, "[-9223372036854775808]"),
            (Datatype::Bool, "[true, false]"),
            (Datatype::Bool, "[0, 1]"),
            (Datatype::Uint8, "[]"),
        ] {
            assert_eq!(check(datatype, text), Ok(()), "{datatype} {text}");
        }
        for (datatype, text) in [
            (Datatype::Uint8, "[256]"),
            (Datatype::Uint8, "[-1]"),
            (Datatype::Int32, "[0.5]"),
            (Datatype::Int64, "[16777217]"),
            (Datatype::Bool, "[2]"),
            (Datatype::Fp32, "[true]"),
            (Datatype::Bytes, "[1]"),
        ] {
            assert!(check(datatype, text).is_err(), "{datatype} {text}");
        }
    }
}
