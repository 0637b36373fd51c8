//! New accounts.

use std::net::IpAddr;

use mofang_store::{Role, UserRecord};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::{
    AccountError, Action, Principal, RegistrationPolicy, UserSummary, name, password_policy, token,
};

use super::Accounts;

/// A wish for an account.
#[derive(Debug, Clone)]
pub struct RegisterRequest {
    /// The name to log in with.
    pub name: String,
    /// The password.
    pub password: SecretString,
    /// The role; only an admin may choose one.
    pub role: Option<Role>,
    /// The token that allows making the first account from another machine.
    pub bootstrap_token: Option<SecretString>,
    /// The address of the client; `None` when there is no network in between.
    pub address: Option<IpAddr>,
}

impl RegisterRequest {
    /// A wish with a name and a password, from the machine itself.
    pub fn new(name: impl Into<String>, password: impl Into<SecretString>) -> Self {
        Self {
            name: name.into(),
            password: password.into(),
            role: None,
            bootstrap_token: None,
            address: None,
        }
    }
}

impl Accounts {
    /// Makes an account. While there is none, whoever is on the machine or has the bootstrap token
    /// becomes the admin; afterwards admins make accounts, and everybody does when registration is
    /// open.
    ///
    /// # Errors
    /// When this is not allowed, the name is taken or cannot be one, or the password is too weak.
    pub async fn register(
        &self,
        request: RegisterRequest,
        by: Option<&Principal>,
    ) -> Result<UserSummary, AccountError> {
        let name = name::check(&request.name)?;
        let first = !self.has_users();
        let role = if first {
            self.check_bootstrap(&request, by)?;
            Role::Admin
        } else {
            self.role_of_new_user(&request, by)?
        };
        password_policy::check(request.password.expose_secret(), &name)?;
        let password_hash = self.hasher.hash(request.password, &self.randomness).await?;
        let user = UserRecord {
            id: self.next_id(),
            name,
            role,
            password_hash,
            disabled: false,
            created_unix_ms: self.clock.now_unix_ms(),
        };
        let own = Principal {
            user_id: user.id.clone(),
            user_name: user.name.clone(),
            ..Principal::local()
        };
        let audit = self.audit_entry(
            by.unwrap_or(&own),
            "user.register",
            &user.name,
            json!({ "role": role, "first": first }),
        );
        if first {
            self.store.insert_first_user(user.clone(), audit).await?;
        } else {
            self.store.insert_user(user.clone(), audit).await?;
        }
        self.index.set_user(user.clone());
        Ok(user.into())
    }

    fn check_bootstrap(
        &self,
        request: &RegisterRequest,
        by: Option<&Principal>,
    ) -> Result<(), AccountError> {
        let here = match request.address {
            None => true,
            Some(address) => {
                self.settings.first_user_from_loopback && address.to_canonical().is_loopback()
            }
        };
        if here || by.is_some_and(|by| by.may(Action::ManageUsers)) {
            return Ok(());
        }
        // The same allowance as for passwords: the token must not be guessed either.
        let now = self.clock.monotonic();
        self.attempts
            .begin("bootstrap token", request.address, now)?;
        let right = match (&self.settings.bootstrap_token, &request.bootstrap_token) {
            (Some(expected), Some(given)) => token::same(
                &token::digest(expected.expose_secret()),
                &token::digest(given.expose_secret()),
            ),
            _ => false,
        };
        if right {
            self.attempts
                .succeed("bootstrap token", request.address, now);
            Ok(())
        } else {
            Err(AccountError::BootstrapRefused)
        }
    }

    fn role_of_new_user(
        &self,
        request: &RegisterRequest,
        by: Option<&Principal>,
    ) -> Result<Role, AccountError> {
        if let Some(by) = by {
            by.authorize(Action::ManageUsers)?;
            return Ok(request.role.unwrap_or(self.settings.open_role));
        }
        match self.settings.registration {
            RegistrationPolicy::Closed => Err(AccountError::RegistrationClosed),
            RegistrationPolicy::Open => match request.role {
                Some(role) if role > self.settings.open_role => Err(AccountError::NotAllowed {
                    reason: format!(
                        "the role {role} is given by an admin; register without a role and ask for it"
                    ),
                }),
                role => Ok(role.unwrap_or(self.settings.open_role)),
            },
        }
    }
}
