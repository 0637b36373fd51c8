//! What is remembered of a training run beside what the trainer keeps: `run.json` in the run's folder.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use anyhow::Context as _;
use mofang_types::{ArtifactDigest, ErrorCode, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::data_dir::{Layout, write_private};
use crate::exit::Failure;

/// The version of this record's format.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// The record within a run's folder.
const FILE: &str = "run.json";

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunState {
    /// A process is at it, or was when it was killed.
    Running,
    /// It was asked to stop, and can be resumed.
    Interrupted,
    /// It came to its end.
    Completed,
    /// It came to an error.
    Failed,
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Completed => "completed",
            Self::Failed => "failed",
        })
    }
}

/// A training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    pub(crate) format_version: u32,
    /// The run's id, which is also its folder.
    pub(crate) id: String,
    /// The model that it trains.
    pub(crate) model: String,
    /// The dataset that it learns from.
    pub(crate) dataset: String,
    /// The digest of the recipe.
    pub(crate) recipe_digest: ArtifactDigest,
    /// Where it stands.
    pub(crate) status: RunState,
    /// Why it ended, where there is something to say.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// When it began.
    pub(crate) started_unix_ms: UnixMillis,
    /// When it ended.
    #[serde(default)]
    pub(crate) ended_unix_ms: Option<UnixMillis>,
    /// The metrics on the test split, by name.
    #[serde(default)]
    pub(crate) metrics: BTreeMap<String, f64>,
    /// The SHA-256 of the weights that it ended with.
    #[serde(default)]
    pub(crate) weights_digest: Option<ArtifactDigest>,
    /// The version that it became.
    #[serde(default)]
    pub(crate) version: Option<String>,
}

impl RunRecord {
    /// Writes the record in place of the one before.
    pub(crate) fn write(&self, layout: &Layout) -> anyhow::Result<()> {
        let path = layout.runs().join(&self.id).join(FILE);
        let bytes = serde_json::to_vec_pretty(self).context("failed to write JSON")?;
        write_private(&path, &bytes)
    }

    /// Every run, newest first. A folder without a record is passed over.
    pub(crate) fn all(layout: &Layout) -> anyhow::Result<Vec<Self>> {
        let folder = layout.runs();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error).with_context(|| format!("failed to read {}", folder.display()));
            }
        };
        let mut records: Vec<Self> = entries
            .filter_map(|entry| fs::read(entry.ok()?.path().join(FILE)).ok())
            .filter_map(|bytes| serde_json::from_slice(&bytes).ok())
            .collect();
        records.sort_by(|a, b| b.id.cmp(&a.id));
        Ok(records)
    }

    /// The one run whose id begins with `text`.
    pub(crate) fn find(layout: &Layout, text: &str) -> anyhow::Result<Self> {
        let mut found = Self::all(layout)?;
        found.retain(|record| record.id.starts_with(text));
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(Failure::new(
                ErrorCode::NotFound,
                format!("there is no run \"{text}\"; `mofang runs list` shows all"),
            )
            .into()),
            count => Err(Failure::bad_input(format!(
                "\"{text}\" is the beginning of {count} runs; write more of it"
            ))
            .into()),
        }
    }

    /// The newest run that can go on; of this recipe, when one is given.
    pub(crate) fn unfinished(
        layout: &Layout,
        recipe_digest: Option<ArtifactDigest>,
    ) -> anyhow::Result<Option<Self>> {
        let records = Self::all(layout)?;
        Ok(records.into_iter().find(|record| {
            record.status != RunState::Completed
                && recipe_digest.is_none_or(|digest| record.recipe_digest == digest)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(layout: &Layout, id: &str, status: RunState) -> RunRecord {
        fs::create_dir_all(layout.runs().join(id)).unwrap();
        let record = RunRecord {
            format_version: FORMAT_VERSION,
            id: id.to_owned(),
            model: "digits".to_owned(),
            dataset: "digits".to_owned(),
            recipe_digest: ArtifactDigest::of(b"recipe"),
            status,
            reason: None,
            started_unix_ms: 0,
            ended_unix_ms: None,
            metrics: BTreeMap::new(),
            weights_digest: None,
            version: None,
        };
        record.write(layout).unwrap();
        record
    }

    #[test]
    fn runs_are_found_by_the_beginning_of_their_id() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        assert_eq!(RunRecord::all(&layout).unwrap(), []);
        let first = record(&layout, "0199-a", RunState::Completed);
        let second = record(&layout, "0199-b", RunState::Running);
        fs::create_dir_all(layout.runs().join("not-a-run")).unwrap();
        assert_eq!(
            RunRecord::all(&layout).unwrap(),
            [second.clone(), first.clone()]
        );
        assert_eq!(RunRecord::find(&layout, "0199-a").unwrap(), first);
        let message = |text| RunRecord::find(&layout, text).unwrap_err().to_string();
        assert!(message("0199").contains("the beginning of 2 runs"));
        assert!(message("02").contains("no run \"02\""));
    }

    #[test]
    fn what_was_killed_or_has_failed_can_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        record(&layout, "1", RunState::Completed);
        assert_eq!(RunRecord::unfinished(&layout, None).unwrap(), None);
        let unfinished = record(&layout, "0", RunState::Failed);
        let digest = unfinished.recipe_digest;
        assert_eq!(
            RunRecord::unfinished(&layout, Some(digest)).unwrap(),
            Some(unfinished)
        );
        let other = ArtifactDigest::of(b"another recipe");
        assert_eq!(RunRecord::unfinished(&layout, Some(other)).unwrap(), None);
    }
}
