//! `digits:test`: a dataset with one of its splits.

use std::fmt;
use std::str::FromStr;

use crate::{DataError, SplitName};

/// A dataset with one of its splits, written `dataset:split`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitReference {
    /// The dataset, by its name in the catalogue or by the path of its description.
    pub dataset: String,
    /// The split.
    pub split: SplitName,
}

impl FromStr for SplitReference {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The last colon, because a path may have others.
        let (dataset, split) = text.rsplit_once(':').ok_or_else(|| {
            DataError::InvalidSettings(format!(
                "\"{text}\" names no split; write the dataset and its split, such as digits:test"
            ))
        })?;
        Ok(Self {
            dataset: dataset.to_owned(),
            split: split.parse()?,
        })
    }
}

impl fmt::Display for SplitReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.dataset, self.split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_parse_and_print() {
        for text in ["digits:test", "C:/own/set.toml:train"] {
            let reference: SplitReference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
        }
        for (text, part) in [
            ("digits", "such as digits:test"),
            ("digits:all", "\"all\" is no split"),
            (":", "\"\" is no split"),
        ] {
            let message = text.parse::<SplitReference>().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
