//! `truncate`: the end of a text that has too many tokens is cut off.

use serde::{Deserialize, Serialize};

use crate::DataError;

/// Most tokens that a text may be allowed to have.
const LENGTH_MAX: usize = 1 << 16;

/// Keeps the first tokens of a text. The special tokens around it stay; the answer says that something
/// was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truncate {
    /// Most tokens, special ones included.
    pub length_max: usize,
}

impl Truncate {
    /// The tokens that are kept where a pipeline does not say.
    pub(crate) const DEFAULT_LENGTH_MAX: usize = 512;

    pub(crate) fn check(&self) -> Result<(), DataError> {
        if (1..=LENGTH_MAX).contains(&self.length_max) {
            return Ok(());
        }
        Err(DataError::InvalidPipeline(format!(
            "`truncate`: length_max = {} is not in 1..={LENGTH_MAX}",
            self.length_max
        )))
    }
}
