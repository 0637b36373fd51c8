//! Moving aliases.

use fail::fail_point;
use mofang_store::{AliasMove, AliasRecord, Page, Paged, SetAlias};
use mofang_types::{AliasName, ModelName, ModelReference, Selector};
use serde_json::json;

use crate::{Actor, Registry, RegistryError};

impl Registry {
    /// Lets the alias name the version that `selector` means, atomically: whoever resolves the
    /// alias gets the old version or the new one, and never none. With `expected_number`, the move
    /// is a conflict unless the alias names that version now.
    ///
    /// # Errors
    /// When the version does not exist or is quarantined, or the expectation does not hold.
    pub async fn set_alias(
        &self,
        model: &ModelName,
        alias: &AliasName,
        selector: &Selector,
        expected_number: Option<u32>,
        actor: &Actor,
    ) -> Result<AliasMove, RegistryError> {
        let target = self.resolve(&ModelReference {
            model: model.clone(),
            selector: selector.clone(),
        })?;
        self.move_alias(
            "alias.set",
            model,
            alias,
            target.number,
            expected_number,
            actor,
        )
        .await
    }

    /// Deletes the alias; its history stays.
    ///
    /// # Errors
    /// When it does not exist.
    pub async fn delete_alias(
        &self,
        model: &ModelName,
        alias: &AliasName,
        actor: &Actor,
    ) -> Result<AliasMove, RegistryError> {
        let subject = format!("{model}@{alias}");
        let audit = self.audit(actor, "alias.delete", subject, json!({}));
        let now = self.clock.now_unix_ms();
        let deleted = self
            .store
            .delete_alias(model, alias, now, &actor.name, audit)
            .await?;
        self.show_change().await;
        Ok(deleted)
    }

    /// The aliases of the model, by name.
    ///
    /// # Errors
    /// When the model does not exist or the store fails.
    pub async fn aliases(&self, model: &ModelName) -> Result<Vec<AliasRecord>, RegistryError> {
        self.require_model(model).await?;
        Ok(self.store.list_aliases(model).await?)
    }

    /// A page of the alias's moves, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn alias_history(
        &self,
        model: &ModelName,
        alias: &AliasName,
        page: &Page,
    ) -> Result<Paged<AliasMove>, RegistryError> {
        Ok(self.store.alias_history(model, alias, page).await?)
    }

    pub(crate) async fn move_alias(
        &self,
        action: &str,
        model: &ModelName,
        alias: &AliasName,
        number: u32,
        expected_number: Option<u32>,
        actor: &Actor,
    ) -> Result<AliasMove, RegistryError> {
        let subject = format!("{model}@{alias}");
        let audit = self.audit(actor, action, subject, json!({ "number": number }));
        let wish = SetAlias {
            model: model.clone(),
            alias: alias.clone(),
            number,
            expected_number,
            moved_unix_ms: self.clock.now_unix_ms(),
            moved_by: actor.name.clone(),
        };
        fail_point!("alias::row::before", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        let moved = self.store.set_alias(wish, audit).await?;
        fail_point!("alias::row::after", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        self.show_change().await;
        Ok(moved)
    }
}
