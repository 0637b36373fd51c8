//! Seeing users, giving roles, closing accounts.

use mofang_store::{Page, Paged, Role, StoreError};
use serde_json::json;

use crate::{AccountError, Action, Principal, UserSummary, name};

use super::Accounts;

impl Accounts {
    /// The user who asks.
    ///
    /// # Errors
    /// When the account is gone, or the store fails.
    pub async fn current_user(&self, by: &Principal) -> Result<UserSummary, AccountError> {
        by.authorize(Action::ReadOwnAccount)?;
        Ok(self.user_record(&by.user_id).await?.into())
    }

    /// The user of this id or name.
    ///
    /// # Errors
    /// When the principal does not manage users, or there is no such user.
    pub async fn find_user(
        &self,
        by: &Principal,
        id_or_name: &str,
    ) -> Result<UserSummary, AccountError> {
        by.authorize(Action::ManageUsers)?;
        let name = name::normalize(id_or_name);
        let user = match self.store.find_user(&name).await? {
            Some(user) => Some(user),
            None => self.store.find_user_by_name(&name).await?,
        };
        let user = user.ok_or_else(|| StoreError::NotFound {
            kind: "user",
            name: id_or_name.chars().take(80).collect(),
        })?;
        Ok(user.into())
    }

    /// A page of the users, by name.
    ///
    /// # Errors
    /// When the principal does not manage users, or the store fails.
    pub async fn list_users(
        &self,
        by: &Principal,
        page: &Page,
    ) -> Result<Paged<UserSummary>, AccountError> {
        by.authorize(Action::ManageUsers)?;
        Ok(self.store.list_users(page).await?.map(UserSummary::from))
    }

    /// Gives a user another role, which holds from the user's next request on.
    ///
    /// # Errors
    /// When the principal does not manage users, there is no such user, or it is the last admin.
    pub async fn set_role(
        &self,
        by: &Principal,
        user_id: &str,
        role: Role,
    ) -> Result<UserSummary, AccountError> {
        by.authorize(Action::ManageUsers)?;
        let mut user = self.user_record(user_id).await?;
        let audit = self.audit_entry(
            by,
            "user.set_role",
            &user.name,
            json!({ "from": user.role, "to": role }),
        );
        self.store.set_user_role(user_id, role, audit).await?;
        self.index.set_role(user_id, role);
        user.role = role;
        Ok(user.into())
    }

    /// Closes or opens an account. Closing ends its sessions and revokes its keys for good.
    ///
    /// # Errors
    /// When the principal does not manage users, there is no such user, or it is the last admin.
    pub async fn set_disabled(
        &self,
        by: &Principal,
        user_id: &str,
        disabled: bool,
    ) -> Result<UserSummary, AccountError> {
        by.authorize(Action::ManageUsers)?;
        let mut user = self.user_record(user_id).await?;
        let action = if disabled {
            "user.disable"
        } else {
            "user.enable"
        };
        let audit = self.audit_entry(by, action, &user.name, json!({}));
        self.store
            .set_user_disabled(user_id, disabled, audit)
            .await?;
        self.index.set_disabled(user_id, disabled);
        user.disabled = disabled;
        Ok(user.into())
    }
}
