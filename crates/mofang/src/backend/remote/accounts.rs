//! Users and keys of a server.

use mofang_types::ErrorCode;
use serde_json::{Value, json};
use ureq::http::Method;

use super::{Body, Remote, escape, read};
use crate::backend::{Accounts, CreatedKeyView, KeyView, NewKey, UserView};
use crate::exit::Failure;

impl Accounts for Remote {
    fn users(&self) -> anyhow::Result<Vec<UserView>> {
        self.all("/v1/users")
    }

    fn create_user(
        &self,
        name: &str,
        password: &str,
        role: Option<&str>,
    ) -> anyhow::Result<UserView> {
        let mut body = json!({ "name": name, "password": password });
        if let Some(role) = role {
            body["role"] = Value::from(role);
        }
        read(
            self.send(Method::POST, "/v1/users", Body::Json(body))?,
            "/v1/users",
        )
    }

    fn set_role(&self, name: &str, role: &str) -> anyhow::Result<()> {
        let path = format!("/v1/users/{}", self.user_id(name)?);
        self.send(Method::PATCH, &path, Body::Json(json!({ "role": role })))
            .map(|_| ())
    }

    fn set_disabled(&self, name: &str, disabled: bool) -> anyhow::Result<()> {
        let path = format!("/v1/users/{}", self.user_id(name)?);
        self.send(
            Method::PATCH,
            &path,
            Body::Json(json!({ "disabled": disabled })),
        )
        .map(|_| ())
    }

    fn set_password(
        &self,
        name: &str,
        current: Option<&str>,
        password: &str,
    ) -> anyhow::Result<()> {
        let Some(current) = current else {
            return Err(Failure::bad_input(
                "a server wants the present password as well: write it to stdin on a line before the new one",
            )
            .into());
        };
        let me: UserView = self.get("/v1/users/me")?;
        if me.name != name {
            return Err(Failure::new(
                ErrorCode::Forbidden,
                format!("this key belongs to \"{}\"; at a server everybody changes the own password only", me.name),
            )
            .into());
        }
        let body = json!({ "old_password": current, "new_password": password });
        self.send(Method::PUT, "/v1/users/me/password", Body::Json(body))
            .map(|_| ())
    }

    fn keys(&self) -> anyhow::Result<Vec<KeyView>> {
        self.all("/v1/keys")
    }

    fn create_key(&self, key: &NewKey) -> anyhow::Result<CreatedKeyView> {
        if key.user.is_some() {
            return Err(Failure::bad_input(
                "at a server everybody makes the own keys only: leave --user out",
            )
            .into());
        }
        let mut body = json!({ "name": key.name, "scopes": key.scopes });
        if let Some(expires) = key.expires_unix_ms {
            body["expires_unix_ms"] = Value::from(expires);
        }
        if let Some(requests) = key.requests_per_minute {
            body["requests_per_minute"] = Value::from(requests);
        }
        read(
            self.send(Method::POST, "/v1/keys", Body::Json(body))?,
            "/v1/keys",
        )
    }

    fn revoke_key(&self, id: &str) -> anyhow::Result<()> {
        self.delete(&format!("/v1/keys/{}", escape(id)))
    }
}

impl Remote {
    fn user_id(&self, name: &str) -> anyhow::Result<String> {
        let users = self.users()?;
        users
            .iter()
            .find(|user| user.name == name)
            .map(|user| user.id.clone())
            .ok_or_else(|| {
                Failure::new(ErrorCode::NotFound, format!("there is no user \"{name}\"")).into()
            })
    }
}
