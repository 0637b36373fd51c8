//! The checkpoints of a run on disk: the newest ones and those of the best epochs.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::{Checkpoint, CheckpointError, format};
use crate::files::{FileError, TEMPORARY_SUFFIX, sync_folder_of, write_atomic};

const PREFIX: &str = "checkpoint-";
const SUFFIX: &str = ".safetensors";

/// What a checkpoint that fails its check is renamed to, to be looked at by a person.
const DAMAGED_SUFFIX: &str = ".damaged";

/// The checkpoints of a run.
#[derive(Debug)]
pub(crate) struct CheckpointFolder {
    folder: PathBuf,
    kept: usize,
    /// Step, and step of the best epoch, of the newest checkpoints, oldest first.
    newest: Vec<(u64, Option<u64>)>,
}

impl CheckpointFolder {
    /// The checkpoints below `folder`, of which the newest `kept` stay.
    pub(crate) fn open(folder: PathBuf, kept: usize) -> Result<Self, CheckpointError> {
        fs::create_dir_all(&folder).map_err(FileError::wrap("create", &folder))?;
        sync_folder_of(&folder)?;
        let opened = Self {
            folder,
            kept,
            newest: Vec::new(),
        };
        for name in opened.names()? {
            if name.ends_with(TEMPORARY_SUFFIX) {
                let path = opened.folder.join(name);
                fs::remove_file(&path).map_err(FileError::wrap("remove", &path))?;
            }
        }
        Ok(opened)
    }

    /// The newest checkpoint that is whole. Damaged ones are set aside.
    pub(crate) fn load_latest(&mut self) -> Result<Option<Checkpoint>, CheckpointError> {
        for step in self.steps()?.into_iter().rev() {
            match self.load(step) {
                Ok(checkpoint) => {
                    self.remember(&checkpoint);
                    return Ok(Some(checkpoint));
                }
                Err(CheckpointError::Damaged { name, reason }) => {
                    tracing::warn!(
                        checkpoint.name = name,
                        "a checkpoint is damaged and set aside: {reason}"
                    );
                    let path = self.folder.join(&name);
                    let aside = self.folder.join(format!("{name}{DAMAGED_SUFFIX}"));
                    fs::rename(&path, aside).map_err(FileError::wrap("rename", &path))?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The checkpoint of `step`.
    pub(crate) fn load(&self, step: u64) -> Result<Checkpoint, CheckpointError> {
        let name = file_name(step);
        let path = self.folder.join(&name);
        let bytes = fs::read(&path).map_err(FileError::wrap("read", &path))?;
        format::decode(&name, &bytes)
    }

    /// Whether there is any checkpoint.
    pub(crate) fn is_empty(&self) -> Result<bool, CheckpointError> {
        Ok(self.steps()?.is_empty())
    }

    /// Writes a checkpoint and, once it is durable, removes those that are not needed any more.
    pub(super) fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let name = file_name(checkpoint.state.step);
        write_atomic(
            &self.folder.join(&name),
            &format::encode(&name, checkpoint)?,
        )?;
        self.remember(checkpoint);
        let needed: BTreeSet<u64> = self
            .newest
            .iter()
            .flat_map(|(step, best)| [Some(*step), *best])
            .flatten()
            .collect();
        for step in self.steps()? {
            if !needed.contains(&step) {
                let path = self.folder.join(file_name(step));
                fs::remove_file(&path).map_err(FileError::wrap("remove", &path))?;
            }
        }
        Ok(())
    }

    fn remember(&mut self, checkpoint: &Checkpoint) {
        let state = &checkpoint.state;
        let best = state.early_stopping.best.as_ref().map(|best| best.step);
        self.newest.retain(|(step, _)| *step < state.step);
        self.newest.push((state.step, best));
        let surplus = self.newest.len().saturating_sub(self.kept);
        self.newest.drain(..surplus);
    }

    /// The steps of all checkpoints, in order.
    fn steps(&self) -> Result<BTreeSet<u64>, CheckpointError> {
        let names = self.names()?;
        Ok(names.iter().filter_map(|name| step_of(name)).collect())
    }

    fn names(&self) -> Result<Vec<String>, CheckpointError> {
        let list = || -> std::io::Result<Vec<String>> {
            fs::read_dir(&self.folder)?
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect()
        };
        Ok(list().map_err(FileError::wrap("list", &self.folder))?)
    }
}

/// Digits enough that names sort like steps.
fn file_name(step: u64) -> String {
    format!("{PREFIX}{step:012}{SUFFIX}")
}

fn step_of(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?
        .strip_suffix(SUFFIX)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mofang_types::{ArtifactDigest, Tensor};

    use super::*;
    use crate::early_stopping::{Best, EarlyStopping};
    use crate::optimizer::OptimizerState;
    use crate::run_state::{EpochSums, RunState, STATE_FORMAT_VERSION};

    pub(super) fn checkpoint(step: u64, best: Option<u64>) -> Checkpoint {
        let tensor = |value| Tensor::new(vec![2], vec![value, f32::MIN_POSITIVE / 2.0]).unwrap();
        Checkpoint {
            state: RunState {
                format_version: STATE_FORMAT_VERSION,
                recipe_digest: ArtifactDigest::of(b"recipe"),
                split_digests: BTreeMap::new(),
                pipeline_digests: BTreeMap::new(),
                code_version: "1".to_owned(),
                compute_threads: 2,
                device: "cpu".to_owned(),
                seed: u64::MAX,
                step,
                epoch: 3,
                batch: 4,
                sums: EpochSums {
                    loss: 0.1 + 0.2,
                    correct: Some(5),
                    examples: 6,
                },
                history: Vec::new(),
                early_stopping: EarlyStopping {
                    best: best.map(|step| Best {
                        epoch: 1,
                        step,
                        value: 1.0 / 3.0,
                    }),
                    epochs_without_improvement: 1,
                },
                elapsed_ms: 7,
                parent: Some("digits@1".to_owned()),
                metrics_bytes: 8,
                finished: None,
            },
            weights: BTreeMap::from([("a.weight".to_owned(), tensor(-0.0))]),
            optimizer: OptimizerState {
                step,
                slots: BTreeMap::from([("mean.a.weight".to_owned(), tensor(1.5))]),
            },
        }
    }

    fn steps(folder: &CheckpointFolder) -> Vec<u64> {
        folder.steps().unwrap().into_iter().collect()
    }

    #[test]
    fn a_checkpoint_comes_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let mut folder = CheckpointFolder::open(folder.path().to_owned(), 2).unwrap();
        assert!(folder.load_latest().unwrap().is_none() && folder.is_empty().unwrap());
        let written = checkpoint(5, Some(5));
        folder.write(&written).unwrap();
        let read = folder.load_latest().unwrap().unwrap();
        assert_eq!(read, written);
        assert_eq!(
            read.weights["a.weight"].data()[0].to_bits(),
            (-0.0_f32).to_bits()
        );
    }

    #[test]
    fn the_newest_and_the_best_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let mut folder = CheckpointFolder::open(path.clone(), 2).unwrap();
        for (step, best, expected) in [
            (10, None, vec![10]),
            (20, Some(20), vec![10, 20]),
            (30, Some(20), vec![20, 30]),
            (40, Some(20), vec![20, 30, 40]),
            (50, Some(50), vec![20, 40, 50]),
            (60, Some(50), vec![50, 60]),
        ] {
            folder.write(&checkpoint(step, best)).unwrap();
            assert_eq!(steps(&folder), expected);
        }
        // A new process forgets what it did not load, never what the newest one needs.
        let mut folder = CheckpointFolder::open(path, 1).unwrap();
        folder.load_latest().unwrap().unwrap();
        folder.write(&checkpoint(70, Some(50))).unwrap();
        assert_eq!(steps(&folder), [50, 70]);
    }

    #[test]
    fn rel_1_any_damage_is_found_and_the_checkpoint_before_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let mut written = CheckpointFolder::open(path.clone(), 3).unwrap();
        written.write(&checkpoint(10, None)).unwrap();
        written.write(&checkpoint(20, None)).unwrap();
        let newest = path.join(file_name(20));
        let good = fs::read(&newest).unwrap();
        for position in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[position / 8] ^= 1 << (position % 8);
            // A flipped bit in the header can leave the same meaning (a space becoming a tab), but
            // never another checkpoint.
            if let Ok(read) = format::decode("x", &bad) {
                assert_eq!(read, checkpoint(20, None), "bit {position}");
            }
        }
        for length in 0..good.len() {
            assert!(
                format::decode("x", &good[..length]).is_err(),
                "cut to {length}"
            );
        }
        fs::write(&newest, &good[..good.len() - 1]).unwrap();
        fs::write(
            path.join("checkpoint-000000000030.safetensors.part"),
            b"half",
        )
        .unwrap();
        let mut folder = CheckpointFolder::open(path.clone(), 3).unwrap();
        assert_eq!(folder.load_latest().unwrap().unwrap().state.step, 10);
        assert_eq!(steps(&folder), [10]);
        assert!(
            !path
                .join("checkpoint-000000000030.safetensors.part")
                .exists()
        );
    }

    #[test]
    fn a_newer_format_is_refused_and_left_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut folder = CheckpointFolder::open(folder.path().to_owned(), 3).unwrap();
        let mut newer = checkpoint(10, None);
        newer.state.format_version = STATE_FORMAT_VERSION + 1;
        folder.write(&newer).unwrap();
        let error = folder.load_latest().unwrap_err();
        assert!(error.to_string().contains("newer mofang"), "{error}");
        assert_eq!(steps(&folder), [10]);
    }
}
