//! How long an evaluation may go on: until its time is over or its caller has left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mofang_types::{Clock, Coded, ErrorCode};

/// Time and interest, looked at between two batches.
#[derive(Debug)]
pub(super) struct Budget {
    clock: Arc<dyn Clock>,
    end: Duration,
    limit: Duration,
    abandoned: Arc<AtomicBool>,
}

/// The evaluation is not worth going on with.
#[derive(Debug, thiserror::Error)]
#[error("the evaluation did not end within {} s", limit.as_secs())]
pub(super) struct BudgetSpent {
    limit: Duration,
}

impl Coded for BudgetSpent {
    fn code(&self) -> ErrorCode {
        ErrorCode::Timeout
    }
}

impl Budget {
    pub(super) fn new(clock: Arc<dyn Clock>, limit: Duration) -> Self {
        Self {
            end: clock.monotonic().saturating_add(limit),
            clock,
            limit,
            abandoned: Arc::new(AtomicBool::new(false)),
        }
    }

    pub(super) fn check(&self) -> Result<(), BudgetSpent> {
        if self.abandoned.load(Ordering::Relaxed) || self.clock.monotonic() >= self.end {
            return Err(BudgetSpent { limit: self.limit });
        }
        Ok(())
    }
}

/// Ends the budget when it is dropped.
#[derive(Debug)]
pub(super) struct CancelOnDrop(Arc<AtomicBool>);

impl CancelOnDrop {
    pub(super) fn new(budget: &Budget) -> Self {
        Self(Arc::clone(&budget.abandoned))
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use mofang_types::SystemClock;

    use super::*;

    #[test]
    fn a_budget_ends_with_its_time_or_its_caller() {
        let budget = |limit| Budget::new(Arc::new(SystemClock::new()), limit);
        assert!(budget(Duration::ZERO).check().is_err());
        let open = budget(Duration::from_mins(10));
        let caller = CancelOnDrop::new(&open);
        assert!(open.check().is_ok());
        drop(caller);
        assert!(open.check().is_err());
    }
}
