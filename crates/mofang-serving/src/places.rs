//! Places for work that takes long: a bounded number of them, and a bounded number of callers who wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ServingError;

/// Places for one kind of work.
#[derive(Debug)]
pub(crate) struct Places {
    /// The work, for messages.
    what: &'static str,
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    capacity: usize,
}

/// A turn among those who wait; given up by dropping it.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    /// So many places, for which `capacity` callers may wait.
    pub(crate) fn new(what: &'static str, places: usize, capacity: usize) -> Self {
        Self {
            what,
            free: Arc::new(Semaphore::new(places)),
            waiting: AtomicUsize::new(0),
            capacity,
        }
    }

    /// Waits for a place, which is free again when the permit is dropped. Dropping the future gives the turn
    /// up.
    ///
    /// # Errors
    /// When as many wait as may, or the places are closed.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, ServingError> {
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            return Err(ServingError::Overloaded {
                what: self.what.to_owned(),
                capacity: self.capacity,
                retry_after: Duration::from_secs(1),
            });
        }
        let permit = Arc::clone(&self.free)
            .acquire_owned()
            .await
            .map_err(|_| ServingError::Closing)?;
        drop(waiting);
        Ok(permit)
    }

    /// Refuses whoever waits, and whoever comes.
    pub(crate) fn close(&self) {
        self.free.close();
    }

    /// How many places are free.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// How many callers wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}
