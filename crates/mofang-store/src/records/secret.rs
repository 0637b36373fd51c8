//! What is stored in place of a secret. Neither form shows itself in `Debug`.

use std::fmt;

/// The SHA-256 of a random secret (a session token, an API key).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of these 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(…)")
    }
}

/// A password's argon2id hash in PHC form, with its salt and its cost.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A hash in PHC form.
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_31_debug_shows_no_secret() {
        let digest = SecretDigest::new([0xab; 32]);
        let hash = PasswordHash::new("$argon2id$secret".to_owned());
        let text = format!("{digest:?} {hash:?}");
        assert_eq!(text, "SecretDigest(…) PasswordHash(…)");
    }
}
