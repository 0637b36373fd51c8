//! `metrics.jsonl`: a line of JSON for each step and each epoch.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::FileError;
use crate::run_state::EpochRecord;

/// The file's name in a run's folder.
pub(crate) const METRICS_FILE: &str = "metrics.jsonl";

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum MetricsLine {
    /// A step is done.
    Step(StepRecord),
    /// An epoch is over.
    Epoch(EpochRecord),
}

/// A step that is done. It holds no times, so that runs can be compared line by line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Counted from 1.
    pub step: u64,
    /// Its epoch, counted from 1.
    pub epoch: u64,
    /// The mean loss of the batch.
    pub loss: f64,
    /// The share of the batch that was right before the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The learning rate.
    pub learning_rate: f64,
    /// The norm of the gradient over all parameters, before clipping.
    pub gradient_norm: f64,
}

/// The file, open to append.
#[derive(Debug)]
pub(crate) struct MetricsLog {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl MetricsLog {
    /// Whether a run in `folder` has written a line.
    pub(crate) fn has_lines(folder: &Path) -> bool {
        fs::metadata(folder.join(METRICS_FILE)).is_ok_and(|file| file.len() > 0)
    }

    /// Opens the log of a run in `folder` and cuts it back to its first `bytes` bytes, so that the
    /// lines after the checkpoint that the run goes on from do not stand there twice.
    pub(crate) fn open(folder: &Path, bytes: u64) -> Result<Self, FileError> {
        let path = folder.join(METRICS_FILE);
        let open = || {
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            let length = file.metadata()?.len();
            if length < bytes {
                tracing::warn!(
                    metrics.bytes = length,
                    "metrics.jsonl is shorter than the checkpoint says; lines are missing in it"
                );
            } else {
                file.set_len(bytes)?;
            }
            let bytes = length.min(bytes);
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(FileError::wrap("open", &path))?;
        Ok(Self { path, file, bytes })
    }

    /// Appends a line, at once visible to whoever follows the file.
    pub(crate) fn append(&mut self, line: &MetricsLine) -> Result<(), FileError> {
        let failed = |source| FileError::wrap("write", &self.path)(source);
        let mut bytes = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        bytes.push(b'\n');
        self.file.write_all(&bytes).map_err(failed)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// How long the file is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Another handle, to make the lines durable on another thread.
    pub(crate) fn handle(&self) -> Result<File, FileError> {
        self.file
            .try_clone()
            .map_err(FileError::wrap("open", &self.path))
    }
}

/// The step and the loss of every step in a run's log.
pub(crate) fn read_losses(folder: &Path) -> Result<Vec<(u64, f64)>, FileError> {
    let path = folder.join(METRICS_FILE);
    let file = File::open(&path).map_err(FileError::wrap("read", &path))?;
    let mut losses = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(FileError::wrap("read", &path))?;
        if let Ok(MetricsLine::Step(step)) = serde_json::from_str(&line) {
            losses.push((step.step, step.loss));
        }
    }
    Ok(losses)
}
