//! Writes checkpoints on a thread of its own, while training goes on.

use std::fs::File;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::{Checkpoint, CheckpointError, CheckpointFolder};
use crate::files::FileError;

/// The writing thread. Dropping it waits until everything handed to it is written.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    sender: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    progress: Arc<Mutex<Progress>>,
}

#[derive(Debug)]
struct Job {
    checkpoint: Checkpoint,
    /// The log, whose lines must be durable before the checkpoint that counts on them.
    metrics: File,
}

#[derive(Debug, Default)]
struct Progress {
    last_step: Option<u64>,
    failure: Option<CheckpointError>,
}

impl CheckpointWriter {
    /// A writer into `folder`; `last_step` is the checkpoint that is there already.
    pub(crate) fn start(mut folder: CheckpointFolder, last_step: Option<u64>) -> Self {
        let progress = Arc::new(Mutex::new(Progress {
            last_step,
            failure: None,
        }));
        // One may wait while one is written; then the trainer waits too, and memory stays bounded.
        let (sender, receiver) = sync_channel::<Job>(1);
        let shared = Arc::clone(&progress);
        let thread = thread::spawn(move || {
            for job in receiver {
                let written = write(&mut folder, &job);
                let mut progress = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match written {
                    Ok(()) => progress.last_step = Some(job.checkpoint.state.step),
                    Err(error) => {
                        // What comes after a failed write cannot be trusted to be durable.
                        progress.failure = Some(error);
                        return;
                    }
                }
            }
        });
        Self {
            sender: Some(sender),
            thread: Some(thread),
            progress,
        }
    }

    /// Hands a checkpoint over.
    ///
    /// # Errors
    /// When this or an earlier one could not be written.
    pub(crate) fn submit(
        &self,
        checkpoint: Checkpoint,
        metrics: File,
    ) -> Result<(), CheckpointError> {
        let is_sent = self.sender.as_ref().is_some_and(|sender| {
            sender
                .send(Job {
                    checkpoint,
                    metrics,
                })
                .is_ok()
        });
        self.check()?;
        if is_sent {
            Ok(())
        } else {
            Err(CheckpointError::WriterGone)
        }
    }

    /// The failure of an earlier checkpoint, once.
    pub(crate) fn check(&self) -> Result<(), CheckpointError> {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failure
            .take()
            .map_or(Ok(()), Err)
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// When something could not be written.
    pub(crate) fn finish(&mut self) -> Result<(), CheckpointError> {
        self.join();
        self.check()
    }

    /// The newest step whose checkpoint is durable.
    pub(crate) fn last_step(&self) -> Option<u64> {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last_step
    }

    fn join(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.failure.get_or_insert(CheckpointError::WriterGone);
        }
    }
}

impl Drop for CheckpointWriter {
    fn drop(&mut self) {
        self.join();
    }
}

fn write(folder: &mut CheckpointFolder, job: &Job) -> Result<(), CheckpointError> {
    job.metrics.sync_data().map_err(FileError::wrap(
        "sync",
        std::path::Path::new(crate::metrics_log::METRICS_FILE),
    ))?;
    folder.write(&job.checkpoint)
}
