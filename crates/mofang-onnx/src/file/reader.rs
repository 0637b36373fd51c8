//! What is counted over a whole file while it is read.

use crate::limits::{NAME_BYTES_MAX, OBJECTS_MAX};
use crate::wire::Field;
use crate::{OnnxError, error::excerpt};

/// Counts the objects of a file.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    objects: usize,
}

impl Reader {
    /// Counts one object, before anything is kept of it.
    pub(crate) fn count(&mut self) -> Result<(), OnnxError> {
        self.objects = self.objects.saturating_add(1);
        if self.objects > OBJECTS_MAX {
            return Err(OnnxError::TooLarge(format!(
                "it has more than {OBJECTS_MAX} nodes, values, attributes and names"
            )));
        }
        Ok(())
    }

    /// The message or the bytes of a field, counted as an object.
    pub(crate) fn bytes<'a>(&mut self, field: &Field<'a>) -> Result<&'a [u8], OnnxError> {
        self.count()?;
        field.bytes()
    }

    /// A name.
    pub(crate) fn name<'a>(
        &mut self,
        field: &Field<'a>,
        place: &str,
    ) -> Result<&'a str, OnnxError> {
        let text = self.text(field, place)?;
        if text.len() > NAME_BYTES_MAX {
            return Err(OnnxError::TooLarge(format!(
                "{place} has a name of {} bytes, and {NAME_BYTES_MAX} are the most; it begins with \
                 \"{}\"",
                text.len(),
                excerpt(text)
            )));
        }
        Ok(text)
    }

    /// A text of any length.
    pub(crate) fn text<'a>(
        &mut self,
        field: &Field<'a>,
        place: &str,
    ) -> Result<&'a str, OnnxError> {
        std::str::from_utf8(self.bytes(field)?)
            .map_err(|_| OnnxError::damaged(place, "a text is not UTF-8"))
    }
}

/// Puts `value` into `slot`, which may be filled once: readers of Protocol Buffers differ in what
/// they make of a message that is there twice.
pub(crate) fn once<T>(slot: &mut Option<T>, value: T, what: &str) -> Result<(), OnnxError> {
    if slot.replace(value).is_some() {
        return Err(OnnxError::damaged(what, "it is there twice"));
    }
    Ok(())
}
