//! Who is inside, and whether anybody may still come in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// A counter of running requests and the door in front of them.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Arc<Door>);

#[derive(Debug, Default)]
struct Door {
    running: AtomicUsize,
    closing: AtomicBool,
    left: Notify,
}

/// One running request, which may outlive the call that began it; leaving is dropping it.
#[derive(Debug)]
pub(crate) struct InFlightGuard(Arc<Door>);

impl InFlight {
    /// Lets one request in, unless the door is closed.
    pub(crate) fn enter(&self) -> Option<InFlightGuard> {
        // Counting before looking at the door: whoever closes it afterwards sees this request.
        self.0.running.fetch_add(1, Ordering::SeqCst);
        let guard = InFlightGuard(Arc::clone(&self.0));
        if self.is_closing() { None } else { Some(guard) }
    }

    /// How many are inside.
    pub(crate) fn count(&self) -> usize {
        self.0.running.load(Ordering::SeqCst)
    }

    /// Whether the door is closed.
    pub(crate) fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::SeqCst)
    }

    /// Closes the door and waits until everybody has left or the time is over; how many have not.
    pub(crate) async fn close(&self, timeout: Duration) -> usize {
        self.0.closing.store(true, Ordering::SeqCst);
        let empty = async {
            loop {
                let left = self.0.left.notified();
                if self.count() == 0 {
                    return;
                }
                left.await;
            }
        };
        match tokio::time::timeout(timeout, empty).await {
            Ok(()) => 0,
            Err(_) => self.count(),
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let is_last = self.0.running.fetch_sub(1, Ordering::SeqCst) == 1;
        if is_last && self.0.closing.load(Ordering::SeqCst) {
            self.0.left.notify_waiters();
        }
    }
}
