//! argon2id (RFC 9106), a few at a time on the blocking pool.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use mofang_store::PasswordHash;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::randomness::Randomness;
use crate::{AccountError, PasswordHashSettings};

/// What a verification found.
#[derive(Debug)]
pub(crate) struct Verified {
    /// Whether the password is right.
    pub(crate) right: bool,
    /// The same password under today's settings, when the stored hash is weaker.
    pub(crate) stronger: Option<PasswordHash>,
}

/// Hashes and verifies passwords.
#[derive(Debug)]
pub(crate) struct PasswordHasher {
    params: Params,
    slots: Arc<Semaphore>,
    /// Verified in place of a hash that there is not, so that an unknown name takes as long as a
    /// known one (TRUST.md SEC-13).
    dummy: PasswordHash,
}

impl PasswordHasher {
    /// A hasher; computes one hash.
    pub(crate) async fn new(
        settings: &PasswordHashSettings,
        randomness: &Randomness,
    ) -> Result<Self, AccountError> {
        let params =
            Params::new(settings.memory_kib, settings.passes, 1, None).map_err(|error| {
                AccountError::Invalid {
                    reason: format!("these settings for password hashes cannot be used: {error}"),
                }
            })?;
        let mut hasher = Self {
            params,
            slots: Arc::new(Semaphore::new(settings.concurrent.max(1))),
            dummy: PasswordHash::new(String::new()),
        };
        let password: [u8; 32] = randomness.bytes();
        let text: String = password.iter().map(|byte| char::from(*byte)).collect();
        hasher.dummy = hasher.hash(text.into(), randomness).await?;
        Ok(hasher)
    }

    /// The hash of a new password.
    pub(crate) async fn hash(
        &self,
        password: SecretString,
        randomness: &Randomness,
    ) -> Result<PasswordHash, AccountError> {
        let salt: [u8; 16] = randomness.bytes();
        let params = self.params.clone();
        self.run(move || hash(params, &password, &salt)).await
    }

    /// Verifies the password against the hash, or against the dummy.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        stored: Option<&PasswordHash>,
        randomness: &Randomness,
    ) -> Result<Verified, AccountError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.dummy).clone();
        let salt: [u8; 16] = randomness.bytes();
        let params = self.params.clone();
        self.run(move || {
            let phc = Phc::new(stored.as_str()).map_err(|_| AccountError::Hashing)?;
            let right = argon2id(params.clone())
                .verify_password(password.expose_secret().as_bytes(), &phc)
                .is_ok();
            let right = right && known;
            let stronger = if right && is_weaker(&phc, &params) {
                Some(hash(params, &password, &salt)?)
            } else {
                None
            };
            Ok(Verified { right, stronger })
        })
        .await
    }

    /// Runs the work when one of the slots is free, and refuses it otherwise: a queue of 19 MiB
    /// hashes would let anybody fill the memory.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let slot: OwnedSemaphorePermit =
            Arc::clone(&self.slots).try_acquire_owned().map_err(|_| {
                AccountError::TooManyRequests {
                    what: "logins at once",
                    retry_after: Duration::from_secs(1),
                }
            })?;
        tokio::task::spawn_blocking(move || {
            // Held by the work itself: a caller that goes away must not free the slot early.
            let _slot = slot;
            work()
        })
        .await
        .map_err(|_| AccountError::Hashing)?
    }
}

fn argon2id(params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(
    params: Params,
    password: &SecretString,
    salt: &[u8],
) -> Result<PasswordHash, AccountError> {
    let phc: Phc = argon2id(params)
        .hash_password_with_salt(password.expose_secret().as_bytes(), salt)
        .map_err(|_| AccountError::Hashing)?;
    Ok(PasswordHash::new(phc.to_string()))
}

/// Whether the hash was made with less than today's settings.
fn is_weaker(phc: &Phc, today: &Params) -> bool {
    phc.algorithm.as_str() != "argon2id"
        || Params::try_from(phc).map_or(true, |then| {
            then.m_cost() < today.m_cost() || then.t_cost() < today.t_cost()
        })
}
