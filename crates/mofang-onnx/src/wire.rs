//! The Protocol Buffers wire format (<https://protobuf.dev/programming-guides/encoding/>), read
//! from bytes that are all there, without copying: a message is a row of numbered fields.
//!
//! The libraries that decode whole messages allocate as the message says. Here the caller sees each
//! field before it keeps anything of it, and counts.

use crate::OnnxError;

/// The fields of a message that are left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    rest: &'a [u8],
    /// What it is, for messages to people.
    place: &'static str,
}

/// A field: its number and what it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    /// The whole field as it is in the message, number and all.
    pub(crate) encoded: &'a [u8],
    value: FieldValue<'a>,
    place: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum FieldValue<'a> {
    Varint(u64),
    Fixed64,
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

impl<'a> Message<'a> {
    pub(crate) fn new(bytes: &'a [u8], place: &'static str) -> Self {
        Self { rest: bytes, place }
    }

    /// The next field.
    pub(crate) fn next(&mut self) -> Result<Option<Field<'a>>, OnnxError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let begin = self.rest;
        let key = self.varint()?;
        let number = u32::try_from(key >> 3)
            .ok()
            .filter(|number| (1..1 << 29).contains(number))
            .ok_or_else(|| self.damaged("a field has an impossible number"))?;
        let value = match key & 7 {
            0 => FieldValue::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                FieldValue::Fixed64
            }
            2 => {
                let length = self.varint()?;
                FieldValue::Bytes(self.take(length)?)
            }
            5 => {
                let bytes = self.take(4)?;
                FieldValue::Fixed32(bytes.try_into().unwrap_or_default())
            }
            // 3 and 4 are groups, which ONNX never had; 6 and 7 are nothing.
            _ => return Err(self.damaged("a field has an impossible type")),
        };
        let length = begin.len().saturating_sub(self.rest.len());
        Ok(Some(Field {
            number,
            encoded: begin.get(..length).unwrap_or_default(),
            value,
            place: self.place,
        }))
    }

    fn varint(&mut self) -> Result<u64, OnnxError> {
        let mut value: u64 = 0;
        for shift in (0_u32..64).step_by(7) {
            let (byte, rest) = self
                .rest
                .split_first()
                .ok_or_else(|| self.damaged("it ends within a number"))?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number has more than 64 bits"))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], OnnxError> {
        let split = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let (bytes, rest) = split.ok_or_else(|| {
            self.damaged(&format!(
                "a field says that it has {length} bytes, and {} are left",
                self.rest.len()
            ))
        })?;
        self.rest = rest;
        Ok(bytes)
    }

    fn damaged(&self, reason: &str) -> OnnxError {
        OnnxError::damaged(self.place, reason)
    }
}

impl<'a> Field<'a> {
    /// A field that is a message or bytes.
    pub(crate) fn bytes(&self) -> Result<&'a [u8], OnnxError> {
        match self.value {
            FieldValue::Bytes(bytes) => Ok(bytes),
            FieldValue::Varint(_) | FieldValue::Fixed64 | FieldValue::Fixed32(_) => {
                Err(self.wrong_type())
            }
        }
    }

    /// A field that is a number.
    pub(crate) fn unsigned(&self) -> Result<u64, OnnxError> {
        match self.value {
            FieldValue::Varint(value) => Ok(value),
            FieldValue::Bytes(_) | FieldValue::Fixed64 | FieldValue::Fixed32(_) => {
                Err(self.wrong_type())
            }
        }
    }

    /// A field that is a number with a sign, in two's complement.
    pub(crate) fn signed(&self) -> Result<i64, OnnxError> {
        self.unsigned().map(u64::cast_signed)
    }

    /// A field that is an `f32`.
    pub(crate) fn float(&self) -> Result<f32, OnnxError> {
        match self.value {
            FieldValue::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            FieldValue::Varint(_) | FieldValue::Bytes(_) | FieldValue::Fixed64 => {
                Err(self.wrong_type())
            }
        }
    }

    /// How many elements of `size_bytes` a repeated field of fixed size holds here.
    pub(crate) fn fixed_elements(&self, size_bytes: u64) -> Result<u64, OnnxError> {
        match (self.value, size_bytes) {
            (FieldValue::Fixed32(_), 4) | (FieldValue::Fixed64, 8) => Ok(1),
            (FieldValue::Bytes(bytes), _) => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                if length.checked_rem(size_bytes) == Some(0) {
                    Ok(length.checked_div(size_bytes).unwrap_or(0))
                } else {
                    Err(OnnxError::damaged(
                        self.place,
                        "a row of numbers ends within one",
                    ))
                }
            }
            _ => Err(self.wrong_type()),
        }
    }

    /// How many numbers of variable length a repeated field holds here.
    pub(crate) fn varint_elements(&self) -> Result<u64, OnnxError> {
        match self.value {
            FieldValue::Varint(_) => Ok(1),
            FieldValue::Bytes(bytes) => {
                let ends = bytes.iter().filter(|byte| **byte & 0x80 == 0).count();
                let whole = bytes.last().is_none_or(|byte| byte & 0x80 == 0);
                if whole {
                    Ok(u64::try_from(ends).unwrap_or(u64::MAX))
                } else {
                    Err(OnnxError::damaged(
                        self.place,
                        "a row of numbers ends within one",
                    ))
                }
            }
            FieldValue::Fixed64 | FieldValue::Fixed32(_) => Err(self.wrong_type()),
        }
    }

    /// The numbers of a repeated field, whether packed or not.
    pub(crate) fn signed_elements(&self, into: &mut Vec<i64>, max: usize) -> Result<(), OnnxError> {
        let mut push = |value: u64| {
            if into.len() >= max {
                return Err(OnnxError::TooLarge(format!(
                    "{} has more than {max} numbers in a row",
                    self.place
                )));
            }
            into.push(value.cast_signed());
            Ok(())
        };
        match self.value {
            FieldValue::Varint(value) => push(value),
            FieldValue::Bytes(bytes) => {
                let mut message = Message::new(bytes, self.place);
                while !message.rest.is_empty() {
                    let value = message.varint()?;
                    push(value)?;
                }
                Ok(())
            }
            FieldValue::Fixed64 | FieldValue::Fixed32(_) => Err(self.wrong_type()),
        }
    }

    fn wrong_type(&self) -> OnnxError {
        OnnxError::damaged(
            self.place,
            format!("field {} has the wrong type", self.number),
        )
    }
}

/// The encoding of a field that is a message or bytes.
pub(crate) fn bytes_field(number: u32, bytes: &[u8], into: &mut Vec<u8>) {
    varint_bytes((u64::from(number) << 3) | 2, into);
    varint_bytes(u64::try_from(bytes.len()).unwrap_or(0), into);
    into.extend_from_slice(bytes);
}

/// The encoding of a field that is an `f32`.
pub(crate) fn float_field(number: u32, value: f32, into: &mut Vec<u8>) {
    varint_bytes((u64::from(number) << 3) | 5, into);
    into.extend_from_slice(&value.to_le_bytes());
}

/// The encoding of a field that is a number.
pub(crate) fn varint_field(number: u32, value: u64, into: &mut Vec<u8>) {
    varint_bytes(u64::from(number) << 3, into);
    varint_bytes(value, into);
}

fn varint_bytes(mut value: u64, into: &mut Vec<u8>) {
    loop {
        let bits = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            into.push(bits);
            return;
        }
        into.push(bits | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        for (number, value) in [(1, 0), (2, 127), (3, 128), (4, u64::MAX)] {
            varint_field(number, value, &mut bytes);
        }
        bytes_field(5, b"text", &mut bytes);
        let mut message = Message::new(&bytes, "a test");
        for (number, value) in [(1, 0), (2, 127), (3, 128), (4, u64::MAX)] {
            let field = message.next().unwrap().unwrap();
            assert_eq!((field.number, field.unsigned().unwrap()), (number, value));
            assert!(field.bytes().is_err());
        }
        assert_eq!(message.next().unwrap().unwrap().bytes().unwrap(), b"text");
        assert!(message.next().unwrap().is_none());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for bytes in [
            &[0x0a, 0x05, 0x00][..],               // five bytes, one is there
            &[0x08],                               // no number
            &[0x08, 0x80],                         // half a number
            &[0x00, 0x00],                         // field 0
            &[0x0b],                               // a group
            &[0x09, 0, 0, 0],                      // eight bytes, three are there
            &[0x0d, 0],                            // four bytes, one is there
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f], // a length of 32 GiB
            &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], // 65 bits
            &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], // 71 bits
        ] {
            let mut message = Message::new(bytes, "a test");
            assert!(message.next().is_err(), "{bytes:?} was accepted");
        }
    }
}
