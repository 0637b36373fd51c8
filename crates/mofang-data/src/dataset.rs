//! A named, digested collection of examples in splits.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use mofang_types::{ArtifactDigest, DigestHasher};
use serde::{Deserialize, Serialize};

use crate::{CatalogueEntry, CleaningReport, DataError, Example, Target};

/// What examples are for: to learn from, to choose by, to judge by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitName {
    /// What the model learns from.
    Train,
    /// What the training is steered by: stopping, and the choice of the best weights.
    Validation,
    /// What the model is judged by, once, at the end.
    Test,
}

impl SplitName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];
}

impl fmt::Display for SplitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

impl FromStr for SplitName {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|name| name.to_string() == text)
            .ok_or_else(|| {
                DataError::InvalidSettings(format!(
                    "\"{text}\" is no split; there are train, validation and test"
                ))
            })
    }
}

/// Examples with their digest.
#[derive(Debug, Clone)]
pub struct Split {
    examples: Vec<Example>,
    digest: ArtifactDigest,
}

impl Split {
    /// A split over `examples`, in this order.
    pub fn new(examples: Vec<Example>) -> Self {
        let mut hasher = DigestHasher::new();
        for example in &examples {
            match &example.target {
                Target::Class(class) => hasher.update(&(*class as u64).to_le_bytes()),
                Target::Labels(labels) => {
                    hasher.update(&(labels.len() as u64).to_le_bytes());
                    for label in labels.iter() {
                        hasher.update(&(*label as u64).to_le_bytes());
                    }
                }
                Target::Number(number) => hasher.update(&number.to_le_bytes()),
                // The input says it.
                Target::NextTokens => {}
            }
            example.input.update_digest(&mut hasher);
        }
        Self {
            examples,
            digest: hasher.finish(),
        }
    }

    /// The examples.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The SHA-256 over every input and what is true of it, in order.
    pub fn digest(&self) -> ArtifactDigest {
        self.digest
    }

    /// How many examples.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }
}

/// A dataset, read, cleaned and split.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The name.
    pub name: String,
    /// The labels of the classes, by index; for numbers, the name of what they measure; none for texts to go
    /// on with.
    pub labels: Vec<String>,
    /// The splits that have an example.
    pub splits: BTreeMap<SplitName, Arc<Split>>,
    /// What cleaning removed, and why.
    pub cleaning: CleaningReport,
    /// The catalogue's description.
    pub entry: CatalogueEntry,
}

impl Dataset {
    /// A split.
    ///
    /// # Errors
    /// When the dataset has no example in it.
    pub fn split(&self, name: SplitName) -> Result<&Arc<Split>, DataError> {
        self.splits
            .get(&name)
            .ok_or_else(|| DataError::MissingSplit {
                dataset: self.name.clone(),
                split: name.to_string(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pixels, RawExample};

    fn split(height: usize, width: usize, data: &[u8], label: usize) -> ArtifactDigest {
        let pixels = Pixels::new(height, width, 1, data.to_vec()).unwrap();
        Split::new(vec![Example {
            id: "a".to_owned(),
            input: RawExample::Pixels(pixels),
            target: Target::Class(label),
        }])
        .digest()
    }

    #[test]
    fn the_digest_knows_samples_shapes_and_labels() {
        let digest = split(1, 2, &[1, 2], 0);
        assert_eq!(digest, split(1, 2, &[1, 2], 0));
        assert_ne!(digest, split(2, 1, &[1, 2], 0));
        assert_ne!(digest, split(1, 2, &[1, 3], 0));
        assert_ne!(digest, split(1, 2, &[1, 2], 1));
    }
}
