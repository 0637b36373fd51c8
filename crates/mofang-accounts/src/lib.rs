//! Who may do what: users, sessions, API keys, roles, quotas and the audit log.
//!
//! [`Accounts`] is the one door. Its [`Accounts::authenticate`] looks only into memory, so that no
//! request waits for the database; what it knows is changed by every act at once and read again
//! whenever the store's change feed moves. What a [`Principal`] may do is one table
//! ([`Action::rule`]), and what is not in it is denied.
//!
//! Passwords follow NIST SP 800-63B (length, a list of common ones, no composition rules) and are
//! kept as argon2id; API keys and tokens are random and kept as SHA-256. This crate knows no
//! protocol: cookies and headers belong to `mofang-http`.

mod accounts;
mod action;
mod api_key;
mod attempts;
mod error;
mod index;
mod name;
mod password_hasher;
mod password_policy;
mod principal;
mod quota;
mod randomness;
mod settings;
mod token;
mod view;

pub use accounts::{Accounts, CreateKeyRequest, Credential, RegisterRequest};
pub use action::{Action, Rule};
pub use api_key::{API_KEY_PREFIX, is_well_formed as is_api_key};
pub use error::AccountError;
pub use mofang_store::{AuditEntry, AuditFilter, Page, Paged, Role, Scope};
pub use principal::Principal;
pub use secrecy::{ExposeSecret, SecretString};
pub use settings::{
    AccountSettings, AttemptLimits, PasswordHashSettings, RegistrationPolicy, SessionSettings,
};
pub use token::SESSION_TOKEN_PREFIX;
pub use view::{CreatedKey, KeySummary, OpenedSession, SessionSummary, UserSummary};
