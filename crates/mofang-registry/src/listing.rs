//! Listings, in pages.

use mofang_store::{ModelRecord, ModelSummary, PAGE_LIMIT_MAX, Page, Paged, VersionRecord};
use mofang_types::{ModelName, ModelReference};

use crate::{Registry, RegistryError, Route};

impl Registry {
    /// A page of the models, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_models(&self, page: &Page) -> Result<Paged<ModelSummary>, RegistryError> {
        Ok(self.store.list_models(page).await?)
    }

    /// All models, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn all_models(&self) -> Result<Vec<ModelSummary>, RegistryError> {
        let mut models = Vec::new();
        let mut page = Page::first(PAGE_LIMIT_MAX);
        loop {
            let found = self.list_models(&page).await?;
            models.extend(found.items);
            if found.next.is_none() {
                return Ok(models);
            }
            page.after = found.next;
        }
    }

    /// All versions of the model, highest number first.
    ///
    /// # Errors
    /// As [`Self::versions`].
    pub async fn all_versions(
        &self,
        model: &ModelName,
    ) -> Result<Vec<VersionRecord>, RegistryError> {
        let mut versions = Vec::new();
        let mut page = Page::first(PAGE_LIMIT_MAX);
        loop {
            let found = self.versions(model, &page).await?;
            versions.extend(found.items);
            if found.next.is_none() {
                return Ok(versions);
            }
            page.after = found.next;
        }
    }

    /// A page of the model's versions, highest number first.
    ///
    /// # Errors
    /// When the model does not exist or the store fails.
    pub async fn versions(
        &self,
        model: &ModelName,
        page: &Page,
    ) -> Result<Paged<VersionRecord>, RegistryError> {
        self.require_model(model).await?;
        Ok(self.store.list_versions(model, page).await?)
    }

    /// The record of the version that `reference` means, be it usable or quarantined.
    ///
    /// # Errors
    /// When there is none or the store fails.
    pub async fn version(
        &self,
        reference: &ModelReference,
    ) -> Result<VersionRecord, RegistryError> {
        self.record(&self.locate(reference)?).await
    }

    pub(crate) async fn record(&self, route: &Route) -> Result<VersionRecord, RegistryError> {
        self.store
            .find_version(&route.model, route.number)
            .await?
            .ok_or_else(|| RegistryError::VersionNotFound {
                model: route.model.clone(),
                number: route.number,
            })
    }

    pub(crate) async fn require_model(
        &self,
        model: &ModelName,
    ) -> Result<ModelRecord, RegistryError> {
        self.store
            .find_model(model)
            .await?
            .ok_or_else(|| RegistryError::ModelNotFound {
                model: model.clone(),
                hint: String::new(),
            })
    }
}
