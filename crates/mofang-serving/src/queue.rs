//! The batching queue of one loaded version.
//!
//! One thread owns the model and takes from the queue; callers only put in. A batch closes when it
//! has `max_batch_size` items or its first item has waited `max_queue_delay`. The queue is bounded:
//! entries whose caller has left or whose deadline has passed give up their place, and are never
//! computed. A batch that fails is computed again item by item, so that an item can only fail itself.
//!
//! The queue never mixes items: the row of an item is the model's own row for it. Whether that row
//! has the same bits alone and in company is the model's affair: burn's CPU backend multiplies
//! matrices with the `gemm` crate, which takes another road for a single row (`gemv`), so a linear
//! layer may round differently alone than in company.

mod entry;
mod worker;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mofang_types::{Clock, Tensor};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

pub(crate) use self::entry::{BatchAnswer, Deadline};
use self::entry::{Entry, Fate};
use crate::metrics::VersionMetrics;
use crate::{ServedModel, ServingError, ServingSettings};

/// Where the answer to an item arrives.
pub(crate) type AnswerReceiver = oneshot::Receiver<Result<BatchAnswer, ServingError>>;

/// The queue and the thread behind it. Dropping it lets the thread finish what waits and end.
#[derive(Debug)]
pub(crate) struct BatchQueue {
    shared: Arc<Shared>,
}

/// What callers and the thread share.
struct Shared {
    /// The version, for messages: `digits@3`.
    name: String,
    model: Arc<dyn ServedModel>,
    clock: Arc<dyn Clock>,
    metrics: Arc<VersionMetrics>,
    capacity: usize,
    max_batch_size: usize,
    max_queue_delay: Duration,
    state: Mutex<State>,
    arrived: Condvar,
    /// How long an item took of late, in nanoseconds, smoothed.
    item_nanos: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    closed: bool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("name", &self.name)
            .field("waiting", &self.state.lock().entries.len())
            .finish_non_exhaustive()
    }
}

impl BatchQueue {
    /// Starts the thread of a version.
    ///
    /// # Errors
    /// When the operating system has no thread left.
    pub(crate) fn start(
        name: &str,
        model: Arc<dyn ServedModel>,
        settings: &ServingSettings,
        clock: Arc<dyn Clock>,
        metrics: Arc<VersionMetrics>,
    ) -> Result<Self, ServingError> {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            model,
            clock,
            metrics,
            capacity: settings.queue_capacity,
            max_batch_size: settings.max_batch_size,
            max_queue_delay: settings.max_queue_delay,
            state: Mutex::default(),
            arrived: Condvar::new(),
            item_nanos: AtomicU64::new(0),
        });
        let owner = Arc::clone(&shared);
        std::thread::Builder::new()
            .name(format!("model {name}"))
            .spawn(move || worker::run(&owner))
            .map_err(|error| ServingError::Internal {
                model: name.to_owned(),
                message: format!("no thread for the model: {error}"),
            })?;
        Ok(Self { shared })
    }

    /// The model behind the queue.
    pub(crate) fn model(&self) -> &Arc<dyn ServedModel> {
        &self.shared.model
    }

    /// Puts an item in; as [`Self::submit_all`].
    ///
    /// # Errors
    /// When the queue is full or closed.
    pub(crate) fn submit(
        &self,
        input: Tensor,
        deadline: Deadline,
    ) -> Result<AnswerReceiver, ServingError> {
        let mut receivers = self.submit_all(std::iter::once(input), deadline)?;
        receivers.pop().ok_or(ServingError::Closing)
    }

    /// Puts the items of one request in, all of them or none, so that they are computed together
    /// where they fit into a batch. Each receiver gets its item's answer; dropping it cancels the
    /// item.
    ///
    /// # Errors
    /// When the queue is full or closed, or has fewer places than there are items.
    pub(crate) fn submit_all(
        &self,
        inputs: impl ExactSizeIterator<Item = Tensor>,
        deadline: Deadline,
    ) -> Result<Vec<AnswerReceiver>, ServingError> {
        let shared = &self.shared;
        let count = inputs.len();
        if count > shared.capacity {
            return Err(ServingError::TooManyItems {
                model: shared.name.clone(),
                count,
                capacity: shared.capacity,
            });
        }
        let now = shared.clock.monotonic();
        let mut receivers = Vec::with_capacity(count);
        let mut state = shared.state.lock();
        if state.closed {
            return Err(ServingError::Closing);
        }
        if state.entries.len() + count > shared.capacity {
            state.sweep(shared, now);
        }
        let waiting = state.entries.len();
        if waiting + count > shared.capacity {
            return Err(shared.overloaded(waiting));
        }
        for input in inputs {
            let (answer, receiver) = oneshot::channel();
            receivers.push(receiver);
            state.entries.push_back(Entry {
                input,
                deadline,
                arrived: now,
                answer,
            });
        }
        // The thread waits either for a first item or for a full batch; it need not hear of others.
        if waiting == 0 || waiting + count >= shared.max_batch_size {
            shared.arrived.notify_one();
        }
        Ok(receivers)
    }

    /// Closes the queue: what waits is refused, what runs is finished, the thread ends.
    pub(crate) fn abort(&self) {
        let mut state = self.shared.state.lock();
        state.closed = true;
        for entry in state.entries.drain(..) {
            entry.refuse(ServingError::Closing);
        }
        self.shared.arrived.notify_one();
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.shared.state.lock().entries.len()
    }
}

impl Drop for BatchQueue {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.arrived.notify_one();
    }
}

impl State {
    /// Drops every entry that must not be computed any more.
    fn sweep(&mut self, shared: &Shared, now: Duration) {
        for entry in std::mem::take(&mut self.entries) {
            if let Some(entry) = shared.keep(entry, now) {
                self.entries.push_back(entry);
            }
        }
    }
}

impl Shared {
    /// The entry, if it may still be computed; otherwise it is answered, counted and gone.
    fn keep(&self, entry: Entry, now: Duration) -> Option<Entry> {
        match entry.fate(now) {
            Fate::Run => return Some(entry),
            Fate::Left => {}
            Fate::Expired => {
                let error = entry.deadline.exceeded(&self.name);
                entry.refuse(error);
            }
        }
        self.metrics.add_dropped_unrun();
        None
    }

    fn overloaded(&self, waiting: usize) -> ServingError {
        let item = Duration::from_nanos(self.item_nanos.load(Ordering::Relaxed));
        let all = item.saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX));
        ServingError::Overloaded {
            what: format!("the queue of {}", self.name),
            capacity: self.capacity,
            // Whole seconds, rounded up, and no more than a minute: an estimate, not a promise.
            retry_after: Duration::from_secs((all.as_secs() + 1).min(60)),
        }
    }
}

#[cfg(test)]
mod tests;
