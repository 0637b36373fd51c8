//! An item that waits.

use std::time::Duration;

use mofang_types::Tensor;
use tokio::sync::oneshot;

use crate::ServingError;

/// When an answer is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// The moment, in the clock's monotonic time.
    pub(crate) at: Duration,
    /// How long it was from the call, for the message.
    pub(crate) limit: Duration,
}

impl Deadline {
    pub(crate) fn exceeded(&self, model: &str) -> ServingError {
        ServingError::DeadlineExceeded {
            model: model.to_owned(),
            limit: self.limit,
        }
    }
}

/// What came out for one item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BatchAnswer {
    /// The item's row of outputs.
    pub(crate) row: Vec<f32>,
    /// How long the item waited.
    pub(crate) queued: Duration,
    /// How long its batch was computed.
    pub(crate) computed: Duration,
    /// How many items the batch had.
    pub(crate) batch_size: usize,
}

/// What is to be done with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Compute it.
    Run,
    /// Nobody waits for it.
    Left,
    /// It is too late.
    Expired,
}

/// An item that waits, and where its answer goes.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) input: Tensor,
    pub(super) deadline: Deadline,
    pub(super) arrived: Duration,
    pub(super) answer: oneshot::Sender<Result<BatchAnswer, ServingError>>,
}

impl Entry {
    pub(super) fn fate(&self, now: Duration) -> Fate {
        if self.answer.is_closed() {
            Fate::Left
        } else if now >= self.deadline.at {
            Fate::Expired
        } else {
            Fate::Run
        }
    }

    pub(super) fn refuse(self, error: ServingError) {
        // A caller that left in between needs no answer.
        let _ = self.answer.send(Err(error));
    }
}
