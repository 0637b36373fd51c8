//! Deleting versions and models.

use fail::fail_point;
use mofang_types::ModelName;
use serde_json::json;

use crate::{Actor, Registry, RegistryError};

impl Registry {
    /// Deletes a version; its bytes go with the next collection of garbage, its number is never
    /// used again.
    ///
    /// # Errors
    /// When it does not exist, or an alias names it.
    pub async fn delete_version(
        &self,
        model: &ModelName,
        number: u32,
        actor: &Actor,
    ) -> Result<(), RegistryError> {
        let subject = format!("{model}@{number}");
        let audit = self.audit(actor, "version.delete", subject, json!({}));
        fail_point!("delete::row::before", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        self.store.delete_version(model, number, audit).await?;
        fail_point!("delete::row::after", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        self.show_change().await;
        Ok(())
    }

    /// Deletes a model with its versions and aliases.
    ///
    /// # Errors
    /// When it does not exist.
    pub async fn delete_model(
        &self,
        model: &ModelName,
        actor: &Actor,
    ) -> Result<(), RegistryError> {
        let audit = self.audit(actor, "model.delete", model.to_string(), json!({}));
        self.store.delete_model(model, audit).await?;
        self.show_change().await;
        Ok(())
    }
}
