//! Names of models and aliases, and references to versions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name of a model or alias, in bytes.
const NAME_LENGTH_MAX: usize = 64;

/// The text cannot name what it was meant to name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not {expected}")]
pub struct InvalidName {
    text: String,
    expected: &'static str,
}

impl InvalidName {
    fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.chars().take(80).collect(),
            expected,
        }
    }
}

impl crate::Coded for InvalidName {
    fn code(&self) -> crate::ErrorCode {
        crate::ErrorCode::InvalidInput
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_LENGTH_MAX
        && text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
        })
        && !text.contains("..")
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(InvalidName::new(text, $expected)) }
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a model: 1–64 of `a-z 0-9 - _ .`, beginning with a letter or digit.
    ModelName,
    "a model name (1 to 64 of a-z, 0-9, '-', '_', '.', beginning with a letter or digit)",
    is_name
);

name!(
    /// A movable name for a version, like `production`; never a number, never `latest`.
    AliasName,
    "an alias (1 to 64 of a-z, 0-9, '-', '_', '.', beginning with a letter, and not \"latest\")",
    |text| is_name(text) && !text.starts_with(|c: char| c.is_ascii_digit()) && text != "latest"
);

/// Which version of a model is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The version with the highest number.
    Latest,
    /// The version of this number (from 1).
    Version(u32),
    /// The version that the alias points to.
    Alias(AliasName),
}

impl FromStr for Selector {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return text
                .parse()
                .ok()
                .filter(|number| *number > 0)
                .map(Self::Version)
                .ok_or_else(|| {
                    InvalidName::new(text, "a version number (1, 2, …), an alias or \"latest\"")
                });
        }
        text.parse().map(Self::Alias)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Version(number) => write!(f, "{number}"),
            Self::Alias(alias) => write!(f, "{alias}"),
        }
    }
}

/// A model with a selector: `digits` (the latest), `digits@3`, `digits@production`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelReference {
    /// The model.
    pub model: ModelName,
    /// Which of its versions.
    pub selector: Selector,
}

impl FromStr for ModelReference {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (model, selector) = match text.split_once('@') {
            Some((model, selector)) => (model.parse()?, selector.parse()?),
            None => (text.parse()?, Selector::Latest),
        };
        Ok(Self { model, selector })
    }
}

impl fmt::Display for ModelReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.model, self.selector)
    }
}

impl TryFrom<String> for ModelReference {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ModelReference> for String {
    fn from(reference: ModelReference) -> Self {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_parse_and_print() {
        for (text, printed) in [
            ("digits", "digits@latest"),
            ("digits@latest", "digits@latest"),
            ("digits@3", "digits@3"),
            ("resnet-18.v2@production", "resnet-18.v2@production"),
        ] {
            assert_eq!(text.parse::<ModelReference>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn wrong_references_are_refused() {
        for text in [
            "",
            "@1",
            "Digits",
            "../etc",
            "a..b",
            "-a",
            "digits@",
            "digits@0",
            "digits@3x",
            "digits@1@2",
            "digits@99999999999",
            "a b",
            "名",
            "digits@Prod",
            &"a".repeat(65),
        ] {
            assert!(
                text.parse::<ModelReference>().is_err(),
                "{text} was accepted"
            );
        }
    }
}
