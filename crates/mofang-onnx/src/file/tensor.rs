//! `TensorProto`: the values of a weight.

use super::reader::{Reader, once};
use crate::error::excerpt;
use crate::limits::{DIMENSIONS_MAX, ELEMENTS_MAX};
use crate::wire::{Field, Message};
use crate::{ElementType, OnnxError};

/// A tensor of the file, checked against its bytes, without them.
#[derive(Debug)]
pub(crate) struct FileTensor<'a> {
    pub(crate) name: &'a str,
    pub(crate) element_type: ElementType,
    pub(crate) elements: u64,
    /// How many dimensions it has.
    pub(crate) rank: usize,
}

/// What a tensor's message holds, before it is checked against itself.
#[derive(Debug, Default)]
struct Fields<'a> {
    name: &'a str,
    type_number: u64,
    dimensions: Vec<i64>,
    raw: Option<&'a [u8]>,
    floats: u64,
    doubles: u64,
    int32s: u64,
    int64s: u64,
    uint64s: u64,
    texts: u64,
    external: bool,
    location: Option<&'a str>,
}

impl<'a> FileTensor<'a> {
    pub(crate) fn read(bytes: &'a [u8], reader: &mut Reader) -> Result<Self, OnnxError> {
        let mut fields = Fields::default();
        let mut message = Message::new(bytes, "a tensor");
        while let Some(field) = message.next()? {
            fields.take(&field, reader)?;
        }
        fields.check()
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, field: &Field<'a>, reader: &mut Reader) -> Result<(), OnnxError> {
        let count = |slot: &mut u64, more: u64| *slot = slot.saturating_add(more);
        match field.number {
            1 => field.signed_elements(&mut self.dimensions, DIMENSIONS_MAX)?,
            2 => self.type_number = field.unsigned()?,
            3 => {
                return Err(OnnxError::Unsupported(
                    "a tensor of it is cut into segments".to_owned(),
                ));
            }
            4 => count(&mut self.floats, field.fixed_elements(4)?),
            5 => count(&mut self.int32s, field.varint_elements()?),
            6 => {
                reader.bytes(field)?;
                count(&mut self.texts, 1);
            }
            7 => count(&mut self.int64s, field.varint_elements()?),
            8 => self.name = reader.name(field, "a tensor")?,
            9 => once(&mut self.raw, field.bytes()?, "a tensor's values")?,
            10 => count(&mut self.doubles, field.fixed_elements(8)?),
            11 => count(&mut self.uint64s, field.varint_elements()?),
            13 => self.external_entry(reader.bytes(field)?, reader)?,
            14 => self.external = field.unsigned()? != 0,
            _ => {}
        }
        Ok(())
    }

    fn external_entry(&mut self, bytes: &'a [u8], reader: &mut Reader) -> Result<(), OnnxError> {
        let (key, value) = read_entry(bytes, reader, "a tensor's external data")?;
        if key == "location" {
            once(&mut self.location, value, "a tensor's external data")?;
        }
        Ok(())
    }

    fn check(self) -> Result<FileTensor<'a>, OnnxError> {
        let place = || format!("tensor \"{}\"", self.name);
        let element_type = ElementType::from_number(self.type_number).ok_or_else(|| {
            OnnxError::damaged(&place(), format!("{} is no element type", self.type_number))
        })?;
        let elements = elements(&self.dimensions, &place())?;
        if self.external {
            return Err(external(self.name, self.location.unwrap_or_default()));
        }
        let bad = |expected: u64, actual: u64, unit: &str| {
            OnnxError::damaged(
                &place(),
                format!(
                    "its shape {:?} of {element_type} has {expected} {unit}, and {actual} are there",
                    self.dimensions
                ),
            )
        };
        let typed = [
            self.floats,
            self.doubles,
            self.int32s,
            self.int64s,
            self.uint64s,
            self.texts,
        ];
        if let Some(raw) = self.raw {
            if typed.iter().any(|count| *count > 0) {
                return Err(OnnxError::damaged(&place(), "its values are there twice"));
            }
            let actual = u64::try_from(raw.len()).unwrap_or(u64::MAX);
            let expected = element_type
                .size_bytes(elements)
                .ok_or_else(|| OnnxError::damaged(&place(), "texts cannot be given as bytes"))?;
            if expected != actual {
                return Err(bad(expected, actual, "bytes"));
            }
        } else if let Some((actual, per_element)) = self.typed_values(element_type) {
            let expected = elements.saturating_mul(per_element);
            if expected != actual {
                return Err(bad(expected, actual, "values"));
            }
        }
        Ok(FileTensor {
            name: self.name,
            element_type,
            elements,
            rank: self.dimensions.len(),
        })
    }

    /// The number of values in the field that this type is stored in, and how many of them an
    /// element has; `None` for the types that lie several to a value.
    fn typed_values(&self, element_type: ElementType) -> Option<(u64, u64)> {
        use ElementType as Type;
        Some(match element_type {
            Type::Float => (self.floats, 1),
            Type::Complex64 => (self.floats, 2),
            Type::Double => (self.doubles, 1),
            Type::Complex128 => (self.doubles, 2),
            Type::Int64 => (self.int64s, 1),
            Type::Uint32 | Type::Uint64 => (self.uint64s, 1),
            Type::String => (self.texts, 1),
            Type::Uint4 | Type::Int4 | Type::Float4E2M1 | Type::Uint2 | Type::Int2 => return None,
            Type::Uint8
            | Type::Int8
            | Type::Uint16
            | Type::Int16
            | Type::Int32
            | Type::Bool
            | Type::Float16
            | Type::Bfloat16
            | Type::Float8E4M3Fn
            | Type::Float8E4M3FnUz
            | Type::Float8E5M2
            | Type::Float8E5M2FnUz
            | Type::Float8E8M0 => (self.int32s, 1),
        })
    }
}

/// The key and value of a `StringStringEntryProto`.
pub(crate) fn read_entry<'a>(
    bytes: &'a [u8],
    reader: &mut Reader,
    place: &'static str,
) -> Result<(&'a str, &'a str), OnnxError> {
    let mut entry = ("", "");
    let mut message = Message::new(bytes, place);
    while let Some(field) = message.next()? {
        match field.number {
            1 => entry.0 = reader.name(&field, place)?,
            2 => entry.1 = reader.text(&field, place)?,
            _ => {}
        }
    }
    Ok(entry)
}

fn elements(dimensions: &[i64], place: &str) -> Result<u64, OnnxError> {
    let mut elements: u64 = 1;
    for size in dimensions {
        let size = u64::try_from(*size).map_err(|_| {
            OnnxError::damaged(
                place,
                format!("its shape {dimensions:?} has a negative size"),
            )
        })?;
        elements = elements
            .checked_mul(size)
            .filter(|elements| size <= ELEMENTS_MAX && *elements <= ELEMENTS_MAX)
            .ok_or_else(|| {
                OnnxError::TooLarge(format!(
                    "{} has the shape {dimensions:?}, and {ELEMENTS_MAX} elements are the most",
                    excerpt(place)
                ))
            })?;
    }
    Ok(elements)
}

/// The refusal of values that lie in another file. A path that leads out of the model's folder is
/// an attempt to read what is not the model's: absolute, with a drive, or with a parent in it,
/// however it is written.
fn external(tensor: &str, location: &str) -> OnnxError {
    let drive = location.as_bytes().get(1) == Some(&b':');
    let leaves = location.starts_with(['/', '\\'])
        || drive
        || location.contains('\0')
        || location.split(['/', '\\']).any(|part| part.trim() == "..");
    OnnxError::ExternalData {
        tensor: excerpt(tensor),
        location: excerpt(location),
        reason: if leaves {
            "outside the model's folder, which is never read".to_owned()
        } else {
            "which did not come with it".to_owned()
        },
    }
}
