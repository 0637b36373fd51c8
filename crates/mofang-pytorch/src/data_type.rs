//! The element types of tensors.

use half::{bf16, f16};

/// The type of a tensor's elements, of those that can be read as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "PyTorch's own names")]
pub enum DataType {
    BFloat16,
    Bool,
    Float16,
    Float32,
    Float64,
    Float8E4M3Fn,
    Float8E5M2,
    Int16,
    Int32,
    Int64,
    Int8,
    UInt16,
    UInt32,
    UInt64,
    UInt8,
}

impl DataType {
    /// By the class of its storage, e.g. `FloatStorage`.
    pub(crate) fn of_storage(class: &str) -> Option<Self> {
        Some(match class {
            "BFloat16Storage" => Self::BFloat16,
            "BoolStorage" => Self::Bool,
            "ByteStorage" => Self::UInt8,
            "CharStorage" => Self::Int8,
            "DoubleStorage" => Self::Float64,
            "FloatStorage" => Self::Float32,
            "HalfStorage" => Self::Float16,
            "IntStorage" => Self::Int32,
            "LongStorage" => Self::Int64,
            "ShortStorage" => Self::Int16,
            _ => return None,
        })
    }

    /// By its own name, e.g. `float32`.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "bfloat16" => Self::BFloat16,
            "bool" => Self::Bool,
            "float16" | "half" => Self::Float16,
            "float32" | "float" => Self::Float32,
            "float64" | "double" => Self::Float64,
            "float8_e4m3fn" => Self::Float8E4M3Fn,
            "float8_e5m2" => Self::Float8E5M2,
            "int16" => Self::Int16,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "int8" => Self::Int8,
            "uint16" => Self::UInt16,
            "uint32" => Self::UInt32,
            "uint64" => Self::UInt64,
            "uint8" => Self::UInt8,
            _ => return None,
        })
    }

    /// The size of an element.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::Bool | Self::Float8E4M3Fn | Self::Float8E5M2 | Self::Int8 | Self::UInt8 => 1,
            Self::BFloat16 | Self::Float16 | Self::Int16 | Self::UInt16 => 2,
            Self::Float32 | Self::Int32 | Self::UInt32 => 4,
            Self::Float64 | Self::Int64 | Self::UInt64 => 8,
        }
    }

    /// Whether it is one of the floating-point types, as weights are.
    pub fn is_float(self) -> bool {
        matches!(
            self,
            Self::BFloat16
                | Self::Float16
                | Self::Float32
                | Self::Float64
                | Self::Float8E4M3Fn
                | Self::Float8E5M2
        )
    }

    /// Reads elements, little-endian, to the nearest `f32`; a rest that is no element is left out.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "to the nearest f32 is what is asked for"
    )]
    pub(crate) fn decode(self, bytes: &[u8]) -> Vec<f32> {
        fn each<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            let (elements, _) = bytes.as_chunks::<N>();
            elements.iter().map(|element| decode(*element)).collect()
        }
        match self {
            Self::BFloat16 => each(bytes, |element| bf16::from_le_bytes(element).to_f32()),
            Self::Bool => each(bytes, |[byte]| f32::from(u8::from(byte != 0))),
            Self::Float16 => each(bytes, |element| f16::from_le_bytes(element).to_f32()),
            Self::Float32 => each(bytes, f32::from_le_bytes),
            Self::Float64 => each(bytes, |element| f64::from_le_bytes(element) as f32),
            Self::Float8E4M3Fn => each(bytes, |[byte]| float8_e4m3fn(byte)),
            // The upper half of a float16.
            Self::Float8E5M2 => each(bytes, |[byte]| f16::from_le_bytes([0, byte]).to_f32()),
            Self::Int16 => each(bytes, |element| f32::from(i16::from_le_bytes(element))),
            Self::Int32 => each(bytes, |element| i32::from_le_bytes(element) as f32),
            Self::Int64 => each(bytes, |element| i64::from_le_bytes(element) as f32),
            Self::Int8 => each(bytes, |element| f32::from(i8::from_le_bytes(element))),
            Self::UInt16 => each(bytes, |element| f32::from(u16::from_le_bytes(element))),
            Self::UInt32 => each(bytes, |element| u32::from_le_bytes(element) as f32),
            Self::UInt64 => each(bytes, |element| u64::from_le_bytes(element) as f32),
            Self::UInt8 => each(bytes, |[byte]| f32::from(byte)),
        }
    }
}

/// Four bits of exponent, three of mantissa, no infinity: Micikevicius et al. 2022,
/// <https://arxiv.org/abs/2209.05433>.
fn float8_e4m3fn(byte: u8) -> f32 {
    let sign = if byte & 0x80 == 0 { 1.0 } else { -1.0 };
    let exponent = (byte >> 3) & 0x0F;
    let mantissa = f32::from(byte & 0x07);
    let magnitude = match (exponent, byte & 0x07) {
        (0x0F, 0x07) => f32::NAN,
        (0, _) => mantissa / 8.0 * 2.0_f32.powi(-6),
        _ => (1.0 + mantissa / 8.0) * 2.0_f32.powi(i32::from(exponent).saturating_sub(7)),
    };
    sign * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_floats_are_decoded() {
        let e4m3 = |byte: u8| DataType::Float8E4M3Fn.decode(&[byte]);
        assert_eq!(e4m3(0b0011_1000), [1.0]);
        assert_eq!(e4m3(0b1011_1100), [-1.5]);
        assert_eq!(e4m3(0b0111_1110), [448.0]);
        assert_eq!(e4m3(0b0000_0001), [2.0_f32.powi(-9)]);
        assert!(e4m3(0x7F).iter().all(|value| value.is_nan()));
        assert_eq!(DataType::Float8E5M2.decode(&[0b0011_1110]), [1.5]);
        assert_eq!(
            DataType::Float8E5M2.decode(&[0b1111_1100]),
            [f32::NEG_INFINITY]
        );
        assert_eq!(DataType::BFloat16.decode(&[0x20, 0xC0]), [-2.5]);
        assert_eq!(DataType::Float16.decode(&[0x40, 0x42]), [3.125]);
        assert_eq!(DataType::Int64.decode(&(-200_i64).to_le_bytes()), [-200.0]);
        assert_eq!(
            DataType::UInt64.decode(&u64::MAX.to_le_bytes()),
            [2.0_f32.powi(64)]
        );
        assert_eq!(DataType::Bool.decode(&[0, 1, 2]), [0.0, 1.0, 1.0]);
    }
}
