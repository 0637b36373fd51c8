//! Where randomness enters: the operating system's generator seeds one of our own.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// A cryptographic generator with a fresh seed.
pub(crate) fn generator() -> anyhow::Result<ChaCha20Rng> {
    Ok(ChaCha20Rng::from_seed(bytes()?))
}

/// A seed that is short enough to be typed, and exact in every reader of JSON.
pub(crate) fn seed() -> anyhow::Result<u64> {
    Ok(u64::from(u32::from_le_bytes(bytes()?)))
}

/// A password of 192 random bits.
pub(crate) fn password() -> anyhow::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<24>()?))
}

fn bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("failed to get randomness from the operating system")?;
    Ok(bytes)
}
