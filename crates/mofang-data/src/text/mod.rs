//! Texts: how they are cleaned, told apart, and cut into tokens.
//!
//! A tokenizer is a file `tokenizer.json` in the format of the crate `tokenizers`, whether it was
//! trained here or comes with a model. Training it is our own, so that it gives the same bytes
//! whenever the texts are the same.

mod cleaning;
mod merges;
mod near_duplicates;
mod tokenizer;
mod training;

pub use tokenizer::{Encoded, TextStream, Tokenizer};
pub use training::{Template, TokenizerModel, TrainTokenizer, train_tokenizer};

pub use cleaning::comparable;
pub(crate) use cleaning::{collapse_whitespace, nfkc, remove_controls, strip_markup};
pub(crate) use near_duplicates::{NearDuplicates, Signature};

use crate::DataError;

/// The tokenizer within a package.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// Most bytes of a text.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// A text out of bytes that have to be UTF-8; a byte order mark is left out.
///
/// # Errors
/// When they are not UTF-8, the error says where; or there are more than [`TEXT_BYTES_MAX`].
pub fn text_of(bytes: &[u8]) -> Result<&str, DataError> {
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(DataError::TextTooLong { bytes: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        DataError::UnreadableText(format!("it is not UTF-8: byte 0x{byte:02x} at {at}"))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_to_be_utf8() {
        assert_eq!(text_of("\u{feff}né".as_bytes()).unwrap(), "né");
        let message = text_of(b"ab\xffc").unwrap_err().to_string();
        assert!(message.contains("byte 0xff at 2"), "{message}");
        assert!(matches!(
            text_of(&vec![b'a'; TEXT_BYTES_MAX + 1]),
            Err(DataError::TextTooLong { .. })
        ));
    }
}
