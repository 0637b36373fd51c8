//! `ValueInfoProto` and `TypeProto`: names, element types and shapes of values.

use super::reader::{Reader, once};
use crate::error::excerpt;
use crate::limits::{DIMENSIONS_MAX, ELEMENTS_MAX, TYPE_DEPTH_MAX};
use crate::wire::Message;
use crate::{Dimension, ElementType, OnnxError, ValueDescription, ValueKind};

/// A value with a name, as the file declares it.
#[derive(Debug)]
pub(crate) struct FileValue<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: ValueKind,
}

impl<'a> FileValue<'a> {
    pub(crate) fn read(bytes: &'a [u8], reader: &mut Reader) -> Result<Self, OnnxError> {
        let mut name = "";
        let mut type_bytes = None;
        let mut message = Message::new(bytes, "a value");
        while let Some(field) = message.next()? {
            match field.number {
                1 => name = reader.name(&field, "a value")?,
                2 => once(&mut type_bytes, reader.bytes(&field)?, "a value's type")?,
                _ => {}
            }
        }
        let kind = match type_bytes {
            Some(bytes) => read_type(bytes, name, 0, reader)?,
            None => ValueKind::Unknown,
        };
        Ok(Self { name, kind })
    }

    pub(crate) fn describe(&self) -> ValueDescription {
        ValueDescription {
            name: self.name.to_owned(),
            kind: self.kind.clone(),
        }
    }
}

/// Reads a type. Those of sequences and options hold types themselves, and the engine reads them
/// by recursion, so their depth is bounded.
fn read_type(
    bytes: &[u8],
    name: &str,
    depth: usize,
    reader: &mut Reader,
) -> Result<ValueKind, OnnxError> {
    if depth > TYPE_DEPTH_MAX {
        return Err(OnnxError::TooLarge(format!(
            "the type of \"{}\" is nested more than {TYPE_DEPTH_MAX} deep",
            excerpt(name)
        )));
    }
    let mut kind = None;
    let mut message = Message::new(bytes, "a value's type");
    while let Some(field) = message.next()? {
        let found = match field.number {
            1 => read_tensor_type(reader.bytes(&field)?, name, reader)?,
            4 | 5 | 9 => {
                read_inner_type(reader.bytes(&field)?, name, depth, reader)?;
                ValueKind::Other(match field.number {
                    4 => "sequence",
                    5 => "map",
                    _ => "optional",
                })
            }
            7 => ValueKind::Other("opaque"),
            8 => ValueKind::Other("sparse_tensor"),
            _ => continue,
        };
        once(&mut kind, found, "a value's type")?;
    }
    Ok(kind.unwrap_or(ValueKind::Unknown))
}

/// The type within a sequence or option, field 1, or that of a map's values, field 2.
fn read_inner_type(
    bytes: &[u8],
    name: &str,
    depth: usize,
    reader: &mut Reader,
) -> Result<(), OnnxError> {
    let mut message = Message::new(bytes, "a value's type");
    while let Some(field) = message.next()? {
        // The keys of a map are a number, not a type.
        if matches!(field.number, 1 | 2)
            && let Ok(inner) = field.bytes()
        {
            reader.count()?;
            read_type(inner, name, depth.saturating_add(1), reader)?;
        }
    }
    Ok(())
}

fn read_tensor_type(bytes: &[u8], name: &str, reader: &mut Reader) -> Result<ValueKind, OnnxError> {
    let mut type_number = 0;
    let mut shape = None;
    let mut message = Message::new(bytes, "a tensor's type");
    while let Some(field) = message.next()? {
        match field.number {
            1 => type_number = field.unsigned()?,
            2 => once(
                &mut shape,
                read_shape(reader.bytes(&field)?, name, reader)?,
                "a tensor's shape",
            )?,
            _ => {}
        }
    }
    if type_number == 0 {
        return Ok(ValueKind::Unknown);
    }
    let element_type = ElementType::from_number(type_number).ok_or_else(|| {
        OnnxError::damaged(
            &format!("value \"{name}\""),
            format!("{type_number} is no element type"),
        )
    })?;
    Ok(ValueKind::Tensor {
        element_type,
        shape,
    })
}

fn read_shape(bytes: &[u8], name: &str, reader: &mut Reader) -> Result<Vec<Dimension>, OnnxError> {
    let mut shape = Vec::new();
    let mut elements: u64 = 1;
    let mut message = Message::new(bytes, "a tensor's shape");
    while let Some(field) = message.next()? {
        if field.number != 1 {
            continue;
        }
        if shape.len() >= DIMENSIONS_MAX {
            return Err(OnnxError::TooLarge(format!(
                "\"{}\" has more than {DIMENSIONS_MAX} dimensions",
                excerpt(name)
            )));
        }
        let dimension = read_dimension(reader.bytes(&field)?, name, reader)?;
        if let Dimension::Fixed(size) = dimension {
            let size = u64::try_from(size).unwrap_or(u64::MAX);
            elements = elements.saturating_mul(size);
            if size > ELEMENTS_MAX || elements > ELEMENTS_MAX {
                return Err(OnnxError::TooLarge(format!(
                    "\"{}\" has a size of {size} among its dimensions, and {ELEMENTS_MAX} elements \
                     are the most",
                    excerpt(name)
                )));
            }
        }
        shape.push(dimension);
    }
    Ok(shape)
}

fn read_dimension(bytes: &[u8], name: &str, reader: &mut Reader) -> Result<Dimension, OnnxError> {
    let mut dimension = Dimension::Unknown;
    let mut message = Message::new(bytes, "a dimension");
    while let Some(field) = message.next()? {
        match field.number {
            1 => {
                let size = field.signed()?;
                // -1 is how older exporters write a size that is open.
                dimension = if size == -1 {
                    Dimension::Unknown
                } else {
                    Dimension::Fixed(usize::try_from(size).map_err(|_| {
                        OnnxError::damaged(
                            &format!("value \"{name}\""),
                            format!("it has a dimension of {size}"),
                        )
                    })?)
                };
            }
            2 => {
                let text = reader.name(&field, "a dimension")?;
                dimension = if text.is_empty() {
                    Dimension::Unknown
                } else {
                    Dimension::Named(text.to_owned())
                };
            }
            _ => {}
        }
    }
    Ok(dimension)
}
