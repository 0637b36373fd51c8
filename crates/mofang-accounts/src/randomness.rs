//! The source of secrets, shared.

use std::fmt;

use parking_lot::Mutex;
use rand::CryptoRng;

/// A cryptographic generator behind a lock.
pub(crate) struct Randomness(Mutex<Box<dyn CryptoRng + Send>>);

impl Randomness {
    pub(crate) fn new(generator: Box<dyn CryptoRng + Send>) -> Self {
        Self(Mutex::new(generator))
    }

    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().fill_bytes(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Randomness(…)")
    }
}
