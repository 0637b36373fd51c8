//! The element types of ONNX.

use std::fmt;

/// The type of a tensor's elements, `TensorProto.DataType` of the ONNX specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are those of the specification")]
pub enum ElementType {
    Float,
    Uint8,
    Int8,
    Uint16,
    Int16,
    Int32,
    Int64,
    String,
    Bool,
    Float16,
    Double,
    Uint32,
    Uint64,
    Complex64,
    Complex128,
    Bfloat16,
    Float8E4M3Fn,
    Float8E4M3FnUz,
    Float8E5M2,
    Float8E5M2FnUz,
    Uint4,
    Int4,
    Float4E2M1,
    Float8E8M0,
    Uint2,
    Int2,
}

/// Number in the specification, type, name as ONNX prints it, bits of one element (0 when they
/// differ).
const TYPES: &[(u64, ElementType, &str, u64)] = &[
    (1, ElementType::Float, "float", 32),
    (2, ElementType::Uint8, "uint8", 8),
    (3, ElementType::Int8, "int8", 8),
    (4, ElementType::Uint16, "uint16", 16),
    (5, ElementType::Int16, "int16", 16),
    (6, ElementType::Int32, "int32", 32),
    (7, ElementType::Int64, "int64", 64),
    (8, ElementType::String, "string", 0),
    (9, ElementType::Bool, "bool", 8),
    (10, ElementType::Float16, "float16", 16),
    (11, ElementType::Double, "double", 64),
    (12, ElementType::Uint32, "uint32", 32),
    (13, ElementType::Uint64, "uint64", 64),
    (14, ElementType::Complex64, "complex64", 64),
    (15, ElementType::Complex128, "complex128", 128),
    (16, ElementType::Bfloat16, "bfloat16", 16),
    (17, ElementType::Float8E4M3Fn, "float8e4m3fn", 8),
    (18, ElementType::Float8E4M3FnUz, "float8e4m3fnuz", 8),
    (19, ElementType::Float8E5M2, "float8e5m2", 8),
    (20, ElementType::Float8E5M2FnUz, "float8e5m2fnuz", 8),
    (21, ElementType::Uint4, "uint4", 4),
    (22, ElementType::Int4, "int4", 4),
    (23, ElementType::Float4E2M1, "float4e2m1", 4),
    (24, ElementType::Float8E8M0, "float8e8m0", 8),
    (25, ElementType::Uint2, "uint2", 2),
    (26, ElementType::Int2, "int2", 2),
];

impl ElementType {
    /// The type with this number in the specification.
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        TYPES
            .iter()
            .find(|(candidate, ..)| *candidate == number)
            .map(|(_, element_type, ..)| *element_type)
    }

    /// The bytes that `elements` of this type take; `None` for texts, which have their own lengths,
    /// and beyond what a `u64` holds.
    pub(crate) fn size_bytes(self, elements: u64) -> Option<u64> {
        let (.., bits) = TYPES.iter().find(|(_, candidate, ..)| *candidate == self)?;
        if *bits == 0 {
            return None;
        }
        elements.checked_mul(*bits).map(|bits| bits.div_ceil(8))
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = TYPES.iter().find(|(_, candidate, ..)| candidate == self);
        f.write_str(entry.map_or("unknown", |(_, _, name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_packed_elements() {
        assert_eq!(ElementType::Float.size_bytes(3), Some(12));
        assert_eq!(ElementType::Int4.size_bytes(3), Some(2));
        assert_eq!(ElementType::String.size_bytes(3), None);
        assert_eq!(ElementType::Double.size_bytes(u64::MAX), None);
        assert_eq!(ElementType::from_number(7), Some(ElementType::Int64));
        assert_eq!(ElementType::from_number(0), None);
    }
}
