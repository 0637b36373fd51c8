//! What a column holds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a column holds, and so what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// One of a few texts; numbers may stand for them.
    Category,
    /// The same value everywhere: nothing can be learned from it, and it is left out.
    Constant,
    /// A day, perhaps with a time.
    Date,
    /// Another value in every row, such as a customer's number: it is left out.
    Identifier,
    /// Left out because somebody said so.
    Ignored,
    /// A quantity.
    Number,
}

impl ColumnKind {
    /// Whether a model is given it.
    pub const fn is_used(self) -> bool {
        match self {
            Self::Category | Self::Date | Self::Number => true,
            Self::Constant | Self::Identifier | Self::Ignored => false,
        }
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Category => "category",
            Self::Constant => "constant",
            Self::Date => "date",
            Self::Identifier => "identifier",
            Self::Ignored => "ignored",
            Self::Number => "number",
        })
    }
}
