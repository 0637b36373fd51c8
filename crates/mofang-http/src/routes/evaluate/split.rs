//! `digits:test`: a dataset with its split.

use std::fmt;
use std::str::FromStr;

use mofang_data::{SplitName, SplitSettings};
use mofang_train::Recipe;
use mofang_types::PackageManifest;

use crate::ApiError;

/// A dataset with its split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SplitReference {
    pub(super) dataset: String,
    pub(super) name: SplitName,
}

impl FromStr for SplitReference {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let (dataset, name) = text.split_once(':').ok_or_else(|| {
            ApiError::invalid("name a dataset and its split, such as digits:test")
        })?;
        Ok(Self {
            dataset: dataset.to_owned(),
            name: name.parse()?,
        })
    }
}

impl fmt::Display for SplitReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.dataset, self.name)
    }
}

impl SplitReference {
    /// How the dataset is split: as for the model's training when it learned from it, so that the
    /// test split is the one that it has not seen.
    pub(super) fn settings(&self, manifest: &PackageManifest) -> SplitSettings {
        let recipe = manifest.provenance.recipe.as_deref();
        recipe
            .and_then(|text| Recipe::parse(text).ok())
            .filter(|recipe| recipe.data.dataset == self.dataset)
            .map(|recipe| recipe.data.split)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_parse_and_print() {
        let split: SplitReference = "digits:test".parse().unwrap();
        assert_eq!(split.to_string(), "digits:test");
        for text in ["digits", "digits:all", ":"] {
            assert!(
                text.parse::<SplitReference>().is_err(),
                "{text} was accepted"
            );
        }
    }
}
