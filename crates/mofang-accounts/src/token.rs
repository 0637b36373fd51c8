//! Tokens of sessions, and the digest that is kept of every random secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mofang_store::SecretDigest;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::randomness::Randomness;

/// What a session's token begins with, which tells it from an API key.
pub const SESSION_TOKEN_PREFIX: &str = "mfs_";

/// The digest of a random secret of at least 128 bits; too weak for passwords.
pub(crate) fn digest(secret: &str) -> SecretDigest {
    SecretDigest::new(Sha256::digest(secret.as_bytes()).into())
}

/// Whether two digests are equal, in a time that does not depend on where they differ.
pub(crate) fn same(a: &SecretDigest, b: &SecretDigest) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// A new session token: 256 random bits.
pub(crate) fn session_token(randomness: &Randomness) -> SecretString {
    let bytes: [u8; 32] = randomness.bytes();
    format!("{SESSION_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into()
}

/// A new token against cross-site requests: 256 random bits.
pub(crate) fn csrf_token(randomness: &Randomness) -> SecretString {
    let bytes: [u8; 32] = randomness.bytes();
    URL_SAFE_NO_PAD.encode(bytes).into()
}
