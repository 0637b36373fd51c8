//! Creating, listing and revoking API keys.

use std::collections::BTreeSet;

use mofang_store::{ApiKeyRecord, Page, Paged, Role, Scope, StoreError};
use mofang_types::UnixMillis;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::{AccountError, Action, CreatedKey, KeySummary, Principal, api_key, token};

use super::Accounts;

const NAME_LENGTH_MAX: usize = 100;

/// A wish for an API key.
#[derive(Debug, Clone, Default)]
pub struct CreateKeyRequest {
    /// What to call it.
    pub name: String,
    /// What it shall be good for; at least one.
    pub scopes: BTreeSet<Scope>,
    /// When it shall end by itself.
    pub expires_unix_ms: Option<UnixMillis>,
    /// Its own quota; above the server's default only for admins.
    pub requests_per_minute: Option<u32>,
    /// The user whom it shall belong to, when not the one who asks; only for who manages users.
    pub user_id: Option<String>,
}

impl Accounts {
    /// Creates a key. The answer is the only time that it can be seen.
    ///
    /// # Errors
    /// When more is wished for than the principal may give, or a value cannot be used.
    pub async fn create_key(
        &self,
        by: &Principal,
        request: CreateKeyRequest,
    ) -> Result<CreatedKey, AccountError> {
        by.authorize(Action::ManageOwnAccount)?;
        let user_id = request.user_id.as_deref().unwrap_or(&by.user_id);
        if user_id != by.user_id {
            by.authorize(Action::ManageUsers)?;
        }
        let owner = self.user_record(user_id).await?;
        self.check_wish(by, &request, owner.role)?;

        let key = api_key::generate(&self.randomness);
        let now = self.now();
        let record = ApiKeyRecord {
            id: self.next_id(),
            user_id: user_id.to_owned(),
            name: request.name.trim().to_owned(),
            key_digest: token::digest(key.expose_secret()),
            last_four: api_key::last_four(key.expose_secret()),
            scopes: request.scopes,
            requests_per_minute: request.requests_per_minute,
            created_unix_ms: now.unix_ms,
            expires_unix_ms: request.expires_unix_ms,
            last_used_unix_ms: None,
            revoked_unix_ms: None,
        };
        let audit = self.audit_entry(
            by,
            "key.create",
            &record.id,
            json!({
                "name": record.name,
                "owner": owner.name,
                "scopes": record.scopes,
                "expires_unix_ms": record.expires_unix_ms,
                "requests_per_minute": record.requests_per_minute,
            }),
        );
        self.store.insert_key(record.clone(), audit).await?;
        self.index.insert_key(record.clone(), now);
        Ok(CreatedKey {
            key,
            summary: record.into(),
        })
    }

    fn check_wish(
        &self,
        by: &Principal,
        request: &CreateKeyRequest,
        owner_role: Role,
    ) -> Result<(), AccountError> {
        let invalid = |reason: &str| {
            Err(AccountError::Invalid {
                reason: reason.to_owned(),
            })
        };
        let name_length = request.name.trim().chars().count();
        if !(1..=NAME_LENGTH_MAX).contains(&name_length)
            || request.name.chars().any(char::is_control)
        {
            return invalid("the key needs a name of 1 to 100 printable characters");
        }
        if request.scopes.is_empty() {
            return invalid(
                "the key needs at least one scope (admin, infer, registry:read, registry:write or train)",
            );
        }
        if request
            .expires_unix_ms
            .is_some_and(|expires| expires <= self.clock.now_unix_ms())
        {
            return invalid("the key would have expired already; choose a time in the future");
        }
        if request.requests_per_minute == Some(0) {
            return invalid("a quota of 0 requests a minute allows nothing; choose 1 or more");
        }
        if request.scopes.contains(&Scope::Admin) && owner_role != Role::Admin {
            return Err(AccountError::NotAllowed {
                reason: "the scope admin is for keys of admins; choose the scopes that are needed"
                    .to_owned(),
            });
        }
        let above_default = match (
            request.requests_per_minute,
            self.settings.requests_per_minute,
        ) {
            (Some(wanted), Some(default)) => wanted > default,
            _ => false,
        };
        if above_default && !by.may(Action::ManageUsers) {
            return Err(AccountError::NotAllowed {
                reason: format!(
                    "more than {} requests a minute are given by an admin",
                    self.settings.requests_per_minute.unwrap_or(u32::MAX)
                ),
            });
        }
        Ok(())
    }

    /// A page of the own keys, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_keys(
        &self,
        by: &Principal,
        page: &Page,
    ) -> Result<Paged<KeySummary>, AccountError> {
        by.authorize(Action::ReadOwnAccount)?;
        let keys = self.store.list_keys(Some(&by.user_id), page).await?;
        Ok(keys.map(KeySummary::from))
    }

    /// A page of everybody's keys, newest first.
    ///
    /// # Errors
    /// When the principal does not manage users, or the store fails.
    pub async fn list_all_keys(
        &self,
        by: &Principal,
        page: &Page,
    ) -> Result<Paged<KeySummary>, AccountError> {
        by.authorize(Action::ManageUsers)?;
        let keys = self.store.list_keys(None, page).await?;
        Ok(keys.map(KeySummary::from))
    }

    /// Revokes a key, at once and for good: an own one, or anybody's for who manages users.
    ///
    /// # Errors
    /// When there is no such key, or none that the principal may see.
    pub async fn revoke_key(&self, by: &Principal, key_id: &str) -> Result<(), AccountError> {
        let key = self.store.find_key(key_id).await?;
        let itself = by.key_id.as_deref() == Some(key_id);
        let own = key.as_ref().is_some_and(|key| key.user_id == by.user_id);
        // A key that leaked may be used to put an end to itself, whatever its scopes.
        if !itself {
            by.authorize(Action::ManageOwnAccount)?;
        }
        if !itself && !own && !by.may(Action::ManageUsers) || key.is_none() {
            return Err(StoreError::NotFound {
                kind: "key",
                name: key_id.chars().take(80).collect(),
            }
            .into());
        }
        let audit = self.audit_entry(by, "key.revoke", key_id, json!({}));
        self.store
            .revoke_key(key_id, self.clock.now_unix_ms(), audit)
            .await?;
        self.index.remove_key(key_id);
        Ok(())
    }
}
