//! Identifiers: UUID version 7 (RFC 9562 §5.7) as text, from an injected generator of randomness.

use std::fmt;
use std::sync::Mutex;

use rand::Rng;

use crate::UnixMillis;

/// Makes identifiers that sort by creation time and do not collide.
///
/// An identifier names a thing; it is no secret and must never serve as one.
pub struct IdGenerator {
    randomness: Mutex<Box<dyn Rng + Send>>,
}

impl IdGenerator {
    /// A generator over the given source of randomness.
    pub fn new(randomness: Box<dyn Rng + Send>) -> Self {
        Self {
            randomness: Mutex::new(randomness),
        }
    }

    /// A new identifier for a thing made at `now`, e.g. `019ab3c4-…`.
    pub fn next(&self, now: UnixMillis) -> String {
        let mut random = [0_u8; 10];
        self.randomness
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .fill_bytes(&mut random);
        let millis = u64::try_from(now).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random)
            .into_uuid()
            .to_string()
    }
}

impl fmt::Debug for IdGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdGenerator").finish_non_exhaustive()
    }
}
