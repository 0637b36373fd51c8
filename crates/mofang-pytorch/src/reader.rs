//! Takes bytes from the front of a slice, never past its end.

use crate::PytorchError;

/// What is left of a part of the file, and how much of it has been read.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    place: &'a str,
    left: &'a [u8],
    read: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, which messages call `place`.
    pub(crate) fn new(place: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            place,
            left: bytes,
            read: 0,
        }
    }

    /// The number of bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.read
    }

    /// The number of bytes that are left.
    pub(crate) fn left(&self) -> usize {
        self.left.len()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], PytorchError> {
        let Some((taken, left)) = self.left.split_at_checked(length) else {
            return Err(PytorchError::damaged(
                self.place,
                format!(
                    "at byte {} it asks for {length} more and has {}",
                    self.read,
                    self.left.len()
                ),
            ));
        };
        self.left = left;
        self.read = self.read.saturating_add(length);
        Ok(taken)
    }

    /// As [`Reader::take`], for a length that the file gives in 64 bits.
    pub(crate) fn take_long(&mut self, length: u64) -> Result<&'a [u8], PytorchError> {
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], PytorchError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, PytorchError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, PytorchError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, PytorchError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, PytorchError> {
        self.array().map(i32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, PytorchError> {
        self.array().map(u64::from_le_bytes)
    }

    /// The bytes up to the next line feed, which is taken too.
    pub(crate) fn line(&mut self) -> Result<&'a str, PytorchError> {
        let length = self.left.iter().position(|byte| *byte == b'\n');
        let length = length.ok_or_else(|| self.damaged("a line has no end"))?;
        let line = self.take(length)?;
        self.take(1)?;
        self.text(line)
    }

    pub(crate) fn text(&self, bytes: &'a [u8]) -> Result<&'a str, PytorchError> {
        std::str::from_utf8(bytes).map_err(|_| self.damaged("a text is not UTF-8"))
    }

    pub(crate) fn damaged(&self, reason: &str) -> PytorchError {
        PytorchError::damaged(
            self.place,
            format!("before byte {}: {reason}", self.position()),
        )
    }
}
