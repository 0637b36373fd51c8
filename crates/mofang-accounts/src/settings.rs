//! Settings, with their defaults.

use std::time::Duration;

use mofang_store::Role;
use secrecy::SecretString;

/// Who may make an account. The first account is an exception: see
/// [`AccountSettings::first_user_from_loopback`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RegistrationPolicy {
    /// Admins make accounts for others.
    #[default]
    Closed,
    /// Everybody may, and gets [`AccountSettings::open_role`].
    Open,
}

/// The cost of a password's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordHashSettings {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Hashes computed at once; a further one is refused.
    pub concurrent: usize,
}

impl Default for PasswordHashSettings {
    /// One of the settings that OWASP holds equal for argon2id (TRUST.md SEC-44).
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            passes: 2,
            concurrent: 2,
        }
    }
}

/// How many wrong passwords are borne. Each allowance refills steadily, so nobody is ever locked
/// out for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Wrong passwords for one account in a row, from addresses that it was never used from.
    pub per_account: u32,
    /// Wrong passwords from one address (IPv6: one /64) in a row.
    pub per_address: u32,
    /// After this, one more attempt is allowed.
    pub refill: Duration,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self {
            per_account: 10,
            per_address: 30,
            refill: Duration::from_secs(30),
        }
    }
}

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// A session ends when it was not used for so long.
    pub idle_timeout: Duration,
    /// A session ends after this, however much it is used.
    pub absolute_timeout: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_hours(2),
            absolute_timeout: Duration::from_hours(24),
        }
    }
}

/// Settings of [`crate::Accounts`].
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// Who may make an account.
    pub registration: RegistrationPolicy,
    /// The role of whoever registers while registration is open.
    pub open_role: Role,
    /// Whether the first account, which is an admin's, may be made from a loopback address without
    /// the bootstrap token. Switch it off where a proxy on the same machine forwards strangers.
    pub first_user_from_loopback: bool,
    /// The token that allows making the first account from elsewhere.
    pub bootstrap_token: Option<SecretString>,
    /// The cost of a password's hash.
    pub password_hash: PasswordHashSettings,
    /// How many wrong passwords are borne.
    pub attempts: AttemptLimits,
    /// How long sessions last.
    pub sessions: SessionSettings,
    /// The quota of keys that have none of their own, and of each session; `None` for no limit.
    pub requests_per_minute: Option<u32>,
    /// How often the times of last use are written to the store.
    pub note_last_used_every: Duration,
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            registration: RegistrationPolicy::default(),
            open_role: Role::Viewer,
            first_user_from_loopback: true,
            bootstrap_token: None,
            password_hash: PasswordHashSettings::default(),
            attempts: AttemptLimits::default(),
            sessions: SessionSettings::default(),
            requests_per_minute: Some(6_000),
            note_last_used_every: Duration::from_mins(1),
        }
    }
}
