//! What the name of a sound file says of it.

use serde::{Deserialize, Serialize};

use crate::{DataError, SplitName};

/// How the class of a recording, and whether it is for testing, is told by its file's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingNames {
    /// The name without its ending, with `{label}`, `{group}` (such as the speaker) and `{index}` (a whole
    /// number) in it: `{label}_{group}_{index}`.
    pub pattern: String,
    /// The first and the last index of the test split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_indices: Option<[u64; 2]>,
    /// The first and the last index of the validation split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_indices: Option<[u64; 2]>,
    /// The groups of the test split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_groups: Vec<String>,
}

/// The parts of a name that mean something.
const FIELDS: [&str; 3] = ["{label}", "{group}", "{index}"];

/// What a name says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts<'a> {
    label: &'a str,
    group: Option<&'a str>,
    index: Option<u64>,
}

/// What the name of a file says of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NamedRecording {
    pub(super) split: SplitName,
    pub(super) label: String,
    pub(super) group: Option<String>,
}

impl RecordingNames {
    /// Checks the pattern.
    ///
    /// # Errors
    /// When it has no label, a field twice, or two with nothing between them.
    pub fn check(&self) -> Result<(), DataError> {
        let invalid = |reason: &str| {
            Err(DataError::InvalidSettings(format!(
                "the pattern \"{}\" {reason}",
                self.pattern
            )))
        };
        for field in FIELDS {
            if self.pattern.matches(field).count() > 1 {
                return invalid(&format!("has {field} twice"));
            }
        }
        if !self.pattern.contains("{label}") {
            return invalid("has no {label}");
        }
        if self.pattern.contains("}{") {
            return invalid("has two fields with nothing between them");
        }
        let without_fields = FIELDS
            .iter()
            .fold(self.pattern.clone(), |text, field| text.replace(field, ""));
        if without_fields.contains(['{', '}']) {
            return invalid("has a field that is not {label}, {group} or {index}");
        }
        for (name, indices) in [
            ("test_indices", self.test_indices),
            ("validation_indices", self.validation_indices),
        ] {
            if indices.is_some() && !self.pattern.contains("{index}") {
                return invalid(&format!("has no {{index}}, by which {name} would choose"));
            }
        }
        if !self.test_groups.is_empty() && !self.pattern.contains("{group}") {
            return invalid("has no {group}, by which test_groups would choose");
        }
        Ok(())
    }

    /// What the name of a file says of it.
    pub(super) fn read(&self, path: &str) -> Result<NamedRecording, DataError> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let parts = self.parts(stem).ok_or_else(|| {
            DataError::malformed(
                path,
                format!("its name does not have the pattern \"{}\"", self.pattern),
            )
        })?;
        let by_index = |indices: Option<[u64; 2]>| match (indices, parts.index) {
            (Some([first, last]), Some(index)) => (first..=last).contains(&index),
            _ => false,
        };
        let by_group = parts
            .group
            .is_some_and(|group| self.test_groups.iter().any(|test| test == group));
        let split = if by_index(self.test_indices) || by_group {
            SplitName::Test
        } else if by_index(self.validation_indices) {
            SplitName::Validation
        } else {
            SplitName::Train
        };
        Ok(NamedRecording {
            split,
            label: parts.label.to_owned(),
            group: parts.group.map(str::to_owned),
        })
    }

    /// Takes a name apart: a field reaches to the next occurrence of what follows it in the pattern.
    fn parts<'a>(&self, name: &'a str) -> Option<Parts<'a>> {
        let mut parts = Parts::default();
        let (mut pattern, mut rest) = (self.pattern.as_str(), name);
        while let Some(start) = pattern.find('{') {
            let (literal, from_field) = pattern.split_at_checked(start)?;
            rest = rest.strip_prefix(literal)?;
            let (field, after) = from_field.split_once('}')?;
            let next = after.split('{').next().unwrap_or_default();
            let end = if next.is_empty() {
                rest.len()
            } else {
                rest.find(next)?
            };
            let (value, remaining) = rest.split_at_checked(end)?;
            if value.is_empty() {
                return None;
            }
            match field {
                "{label" => parts.label = value,
                "{group" => parts.group = Some(value),
                _ => parts.index = Some(value.parse().ok()?),
            }
            (pattern, rest) = (after, remaining);
        }
        (pattern == rest).then_some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str) -> RecordingNames {
        RecordingNames {
            pattern: pattern.to_owned(),
            test_indices: None,
            validation_indices: None,
            test_groups: Vec::new(),
        }
    }

    #[test]
    fn names_are_taken_apart() {
        for (pattern, name, label, group, index) in [
            (
                "{label}_{group}_{index}",
                "7_jackson_32",
                "7",
                Some("jackson"),
                Some(32),
            ),
            ("cut-{label}", "cut-a-b", "a-b", None, None),
            ("{index}.{label}x", "5.猫x", "猫", None, Some(5)),
        ] {
            let expected = Parts {
                label,
                group,
                index,
            };
            assert_eq!(names(pattern).parts(name), Some(expected));
        }
        for (pattern, name) in [
            ("{label}_{index}", "7_"),
            ("{label}_{index}", "7_x"),
            ("{label}_{index}", "7"),
            ("{label}_{index}", "_7"),
            ("a{label}", "b1"),
            ("{label}x", "1y"),
            ("{label}x", "1xz"),
        ] {
            assert_eq!(names(pattern).parts(name), None, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_that_cannot_be_are_refused() {
        for pattern in [
            "{group}",
            "{label}{group}",
            "{label}_{label}",
            "{label}_{speaker}",
            "{label}_}",
        ] {
            assert!(names(pattern).check().is_err(), "{pattern}");
        }
        assert!(names("{label}_{group}").check().is_ok());
        let by_index = RecordingNames {
            test_indices: Some([0, 4]),
            ..names("{label}")
        };
        assert!(by_index.check().is_err());
        let by_group = RecordingNames {
            test_groups: vec!["theo".to_owned()],
            ..names("{label}")
        };
        assert!(by_group.check().is_err());
    }
}
