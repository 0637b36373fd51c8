//! Users and keys of the data directory. Whoever owns the files may do everything.

use std::collections::BTreeSet;
use std::future::Future;

use anyhow::Context as _;
use mofang_accounts::{
    AccountError, CreateKeyRequest, ExposeSecret as _, Page, Paged, Principal, RegisterRequest,
    Role, Scope,
};

use super::Local;
use crate::backend::{Accounts, CreatedKeyView, KeyView, NewKey, UserView};
use crate::exit::{CodedResult as _, Failure};

const PAGE_LIMIT: u32 = 1000;

impl Local {
    fn all_pages<T, F>(&self, mut page: impl FnMut(Page) -> F) -> anyhow::Result<Vec<T>>
    where
        F: Future<Output = Result<Paged<T>, AccountError>>,
    {
        let mut items = Vec::new();
        let mut wanted = Page::first(PAGE_LIMIT);
        loop {
            let found = self.wait(page(wanted.clone())).coded()?;
            items.extend(found.items);
            match found.next {
                Some(next) => wanted.after = Some(next),
                None => return Ok(items),
            }
        }
    }

    fn user_id(&self, name: &str) -> anyhow::Result<String> {
        let by = Principal::local();
        Ok(self.wait(self.accounts()?.find_user(&by, name)).coded()?.id)
    }
}

impl Accounts for Local {
    fn users(&self) -> anyhow::Result<Vec<UserView>> {
        let (accounts, by) = (self.accounts()?, Principal::local());
        let by = &by;
        let users = self
            .all_pages(|page| async move { accounts.list_users(by, &page).await })
            .context("failed to list the users")?;
        Ok(users.into_iter().map(Into::into).collect())
    }

    fn create_user(
        &self,
        name: &str,
        password: &str,
        role: Option<&str>,
    ) -> anyhow::Result<UserView> {
        let failed = || format!("failed to register the user \"{name}\"");
        let mut request = RegisterRequest::new(name, password.to_owned());
        request.role = role
            .map(str::parse::<Role>)
            .transpose()
            .coded()
            .with_context(failed)?;
        let user = self
            .wait(
                self.accounts()?
                    .register(request, Some(&Principal::local())),
            )
            .coded()
            .with_context(failed)?;
        Ok(user.into())
    }

    fn set_role(&self, name: &str, role: &str) -> anyhow::Result<()> {
        let failed = || format!("failed to change the role of \"{name}\"");
        let role = role.parse::<Role>().coded().with_context(failed)?;
        let id = self.user_id(name).with_context(failed)?;
        self.wait(self.accounts()?.set_role(&Principal::local(), &id, role))
            .coded()
            .map(|_| ())
            .with_context(failed)
    }

    fn set_disabled(&self, name: &str, disabled: bool) -> anyhow::Result<()> {
        let failed = || format!("failed to change the account of \"{name}\"");
        let id = self.user_id(name).with_context(failed)?;
        self.wait(
            self.accounts()?
                .set_disabled(&Principal::local(), &id, disabled),
        )
        .coded()
        .map(|_| ())
        .with_context(failed)
    }

    fn set_password(
        &self,
        name: &str,
        _current: Option<&str>,
        password: &str,
    ) -> anyhow::Result<()> {
        let failed = || format!("failed to change the password of \"{name}\"");
        let id = self.user_id(name).with_context(failed)?;
        let password = password.to_owned().into();
        self.wait(
            self.accounts()?
                .reset_password(&Principal::local(), &id, password),
        )
        .coded()
        .with_context(failed)
    }

    fn keys(&self) -> anyhow::Result<Vec<KeyView>> {
        let (accounts, by) = (self.accounts()?, Principal::local());
        let by = &by;
        let keys = self
            .all_pages(|page| async move { accounts.list_all_keys(by, &page).await })
            .context("failed to list the keys")?;
        Ok(keys.into_iter().map(Into::into).collect())
    }

    fn create_key(&self, key: &NewKey) -> anyhow::Result<CreatedKeyView> {
        let failed = || format!("failed to make the key \"{}\"", key.name);
        let Some(user) = &key.user else {
            return Err(
                Failure::bad_input(format!("{}: name the user with --user", failed())).into(),
            );
        };
        let scopes: BTreeSet<Scope> = key
            .scopes
            .iter()
            .map(|scope| scope.parse())
            .collect::<Result<_, _>>()
            .coded()
            .with_context(failed)?;
        let request = CreateKeyRequest {
            name: key.name.clone(),
            scopes,
            expires_unix_ms: key.expires_unix_ms,
            requests_per_minute: key.requests_per_minute,
            user_id: Some(self.user_id(user).with_context(failed)?),
        };
        let created = self
            .wait(self.accounts()?.create_key(&Principal::local(), request))
            .coded()
            .with_context(failed)?;
        Ok(CreatedKeyView {
            key: created.key.expose_secret().to_owned(),
            summary: created.summary.into(),
        })
    }

    fn revoke_key(&self, id: &str) -> anyhow::Result<()> {
        self.wait(self.accounts()?.revoke_key(&Principal::local(), id))
            .coded()
            .with_context(|| format!("failed to revoke the key {id}"))
    }
}
