//! Changing passwords.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use mofang_store::{StoreError, UserRecord};

use crate::{AccountError, Action, Principal, password_policy};

use super::Accounts;

impl Accounts {
    /// Gives the user who asks another password. All sessions but the one that asks end.
    ///
    /// # Errors
    /// When the old password is wrong, the new one is too weak, or there were too many attempts.
    pub async fn change_password(
        &self,
        by: &Principal,
        old: &str,
        new: SecretString,
    ) -> Result<(), AccountError> {
        by.authorize(Action::ManageOwnAccount)?;
        let user = self.user_record(&by.user_id).await?;
        password_policy::check(new.expose_secret(), &user.name)?;
        let now = self.clock.monotonic();
        self.attempts.begin(&user.name, None, now)?;
        let verified = self
            .hasher
            .verify(
                SecretString::from(old),
                Some(&user.password_hash),
                &self.randomness,
            )
            .await?;
        if !verified.right {
            return Err(AccountError::WrongNameOrPassword);
        }
        self.attempts.succeed(&user.name, None, now);
        self.set_password(
            by,
            &user,
            new,
            "user.change_password",
            by.session_id.as_deref(),
        )
        .await
    }

    /// Gives another user a password in place of a forgotten one, and ends all the user's sessions.
    ///
    /// # Errors
    /// When the principal does not manage users, there is no such user, or the password is too weak.
    pub async fn reset_password(
        &self,
        by: &Principal,
        user_id: &str,
        new: SecretString,
    ) -> Result<(), AccountError> {
        by.authorize(Action::ManageUsers)?;
        let user = self.user_record(user_id).await?;
        password_policy::check(new.expose_secret(), &user.name)?;
        self.set_password(by, &user, new, "user.reset_password", None)
            .await
    }

    async fn set_password(
        &self,
        by: &Principal,
        user: &UserRecord,
        new: SecretString,
        action: &str,
        keep_session: Option<&str>,
    ) -> Result<(), AccountError> {
        let hash = self.hasher.hash(new, &self.randomness).await?;
        let audit = self.audit_entry(by, action, &user.name, json!({}));
        self.store
            .set_password(&user.id, hash, keep_session, audit)
            .await?;
        self.index.remove_sessions_of(&user.id, keep_session);
        Ok(())
    }

    pub(super) async fn user_record(&self, user_id: &str) -> Result<UserRecord, AccountError> {
        Ok(self
            .store
            .find_user(user_id)
            .await?
            .ok_or_else(|| StoreError::NotFound {
                kind: "user",
                name: user_id.chars().take(80).collect(),
            })?)
    }
}
