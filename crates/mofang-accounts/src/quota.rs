//! How many requests a minute: the generic cell rate algorithm, one number per key.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::AccountError;

const MINUTE: Duration = Duration::from_mins(1);

/// The use that one key or session has made of its quota. A whole minute's quota may come at once.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    /// When the quota is untouched again, in nanoseconds of monotonic time.
    full_at: AtomicU64,
}

impl Quota {
    /// Takes one request out of the quota; `None` is no limit.
    pub(crate) fn charge(
        &self,
        requests_per_minute: Option<u32>,
        now: Duration,
    ) -> Result<(), AccountError> {
        let Some(limit) = requests_per_minute else {
            return Ok(());
        };
        let too_many = |retry_after| AccountError::TooManyRequests {
            what: "requests",
            retry_after,
        };
        let minute = nanoseconds(MINUTE);
        let now = nanoseconds(now);
        let Some(interval) = minute.checked_div(u64::from(limit)) else {
            return Err(too_many(MINUTE));
        };
        self.full_at
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                let next = full_at.max(now).saturating_add(interval);
                (next - now <= minute).then_some(next)
            })
            .map(|_| ())
            .map_err(|full_at| {
                let over = full_at.saturating_add(interval).saturating_sub(now);
                too_many(Duration::from_nanos(over.saturating_sub(minute)))
            })
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_25_so_many_a_minute_and_then_one_by_one() {
        let quota = Quota::default();
        let start = Duration::from_secs(1000);
        for _ in 0..60 {
            quota.charge(Some(60), start).unwrap();
        }
        let error = quota.charge(Some(60), start).unwrap_err();
        assert_eq!(error.retry_after_seconds(), Some(1));
        let later = start + Duration::from_secs(1);
        quota.charge(Some(60), later).unwrap();
        quota.charge(Some(60), later).unwrap_err();
        for _ in 0..60 {
            quota.charge(Some(60), later + MINUTE).unwrap();
        }
        quota.charge(Some(60), later + MINUTE).unwrap_err();
    }

    #[test]
    fn none_is_no_limit_and_zero_is_nothing() {
        let quota = Quota::default();
        for _ in 0..1000 {
            quota.charge(None, Duration::ZERO).unwrap();
        }
        quota.charge(Some(0), MINUTE).unwrap_err();
    }
}
