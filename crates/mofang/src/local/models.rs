//! Models of the data directory.

use std::future::Future;

use anyhow::Context as _;
use mofang_artifacts::PackageDraft;
use mofang_import::{ImportFile, ImportRequest};
use mofang_registry::{Actor, PublishRequest, RegistryError, VersionDiff};
use mofang_store::{PAGE_LIMIT_MAX, Page, Paged};
use mofang_types::{AliasName, ModelName, ModelReference, Selector};

use super::Local;
use crate::backend::{
    AliasMoveView, CardView, ImportedView, ModelView, Models, Submission, VersionView,
};
use crate::exit::{CodedResult as _, Failure};

impl Local {
    /// Every page of a listing.
    fn all<T, F>(&self, mut page: impl FnMut(Page) -> F) -> anyhow::Result<Vec<T>>
    where
        F: Future<Output = Result<Paged<T>, RegistryError>>,
    {
        let mut items = Vec::new();
        let mut wanted = Page::first(PAGE_LIMIT_MAX);
        loop {
            let found = self.wait(page(wanted.clone())).coded()?;
            items.extend(found.items);
            match found.next {
                Some(next) => wanted.after = Some(next),
                None => return Ok(items),
            }
        }
    }
}

impl Models for Local {
    fn models(&self) -> anyhow::Result<Vec<ModelView>> {
        let registry = &self.platform.registry;
        let models = self
            .all(|page| async move { registry.list_models(&page).await })
            .context("failed to list the models")?;
        Ok(models.into_iter().map(Into::into).collect())
    }

    fn card(&self, reference: &ModelReference) -> anyhow::Result<CardView> {
        let card = self
            .wait(self.platform.registry.card(reference))
            .coded()
            .with_context(|| format!("failed to show {reference}"))?;
        let manifest = card.manifest.map(serde_json::to_value).transpose();
        Ok(CardView {
            version: card.version.into(),
            aliases: card.aliases.into_iter().map(Into::into).collect(),
            manifest: manifest.context("failed to write JSON")?,
        })
    }

    fn versions(&self, model: &ModelName) -> anyhow::Result<Vec<VersionView>> {
        let registry = &self.platform.registry;
        let versions = self
            .all(|page| async move { registry.versions(model, &page).await })
            .with_context(|| format!("failed to list the versions of {model}"))?;
        Ok(versions.into_iter().map(Into::into).collect())
    }

    fn import(&self, model: &ModelName, submission: Submission) -> anyhow::Result<ImportedView> {
        let files: Vec<ImportFile<'_>> = submission
            .files
            .iter()
            .map(|(name, bytes)| ImportFile { name, bytes })
            .collect();
        let import = mofang_import::import(&ImportRequest {
            files: &files,
            options: &submission.options,
            created_unix_ms: self.platform.clock.now_unix_ms(),
            placement: &self.platform.runtime.placement,
        })
        .coded()?;
        let draft = PackageDraft {
            manifest: import.manifest,
            files: import.files,
        };
        let mut request = PublishRequest::new(model.clone(), draft, Actor::local());
        request.aliases = submission.aliases;
        request.note = submission.note;
        let version = self
            .wait(self.platform.registry.publish(request))
            .coded()
            .with_context(|| format!("failed to publish {model}"))?;
        Ok(ImportedView {
            version: version.into(),
            report: import.report,
        })
    }

    fn diff(
        &self,
        model: &ModelName,
        from: &Selector,
        to: &Selector,
    ) -> anyhow::Result<VersionDiff> {
        let reference = |selector: &Selector| ModelReference {
            model: model.clone(),
            selector: selector.clone(),
        };
        let (from, to) = (reference(from), reference(to));
        self.wait(self.platform.registry.diff(&from, &to))
            .coded()
            .with_context(|| format!("failed to compare {from} with {to}"))
    }

    fn tag(&self, reference: &ModelReference, key: &str, value: &str) -> anyhow::Result<()> {
        self.wait(
            self.platform
                .registry
                .tag(reference, key, value, &Actor::local()),
        )
        .coded()
        .with_context(|| format!("failed to tag {reference}"))
    }

    fn untag(&self, reference: &ModelReference, key: &str) -> anyhow::Result<()> {
        self.wait(
            self.platform
                .registry
                .untag(reference, key, &Actor::local()),
        )
        .coded()
        .with_context(|| format!("failed to remove a tag of {reference}"))
    }

    fn set_alias(&self, alias: &AliasName, to: &ModelReference) -> anyhow::Result<AliasMoveView> {
        let registry = &self.platform.registry;
        let moved = self
            .wait(registry.set_alias(&to.model, alias, &to.selector, None, &Actor::local()))
            .coded()
            .with_context(|| format!("failed to let {alias} name {to}"))?;
        Ok(moved.into())
    }

    fn delete_alias(&self, model: &ModelName, alias: &AliasName) -> anyhow::Result<()> {
        self.wait(
            self.platform
                .registry
                .delete_alias(model, alias, &Actor::local()),
        )
        .coded()
        .map(|_| ())
        .with_context(|| format!("failed to delete {model}@{alias}"))
    }

    fn alias_history(
        &self,
        model: &ModelName,
        alias: &AliasName,
    ) -> anyhow::Result<Vec<AliasMoveView>> {
        let registry = &self.platform.registry;
        let moves = self
            .all(|page| async move { registry.alias_history(model, alias, &page).await })
            .with_context(|| format!("failed to show the history of {model}@{alias}"))?;
        Ok(moves.into_iter().map(Into::into).collect())
    }

    fn rollback(&self, model: &ModelName, alias: &AliasName) -> anyhow::Result<AliasMoveView> {
        let moved = self
            .wait(
                self.platform
                    .registry
                    .rollback(model, alias, &Actor::local()),
            )
            .coded()
            .with_context(|| format!("failed to move {model}@{alias} back"))?;
        Ok(moved.into())
    }

    fn delete_version(&self, reference: &ModelReference) -> anyhow::Result<()> {
        let Selector::Version(number) = reference.selector else {
            return Err(Failure::bad_input(format!(
                "failed to delete {reference}: it names no number"
            ))
            .into());
        };
        self.wait(
            self.platform
                .registry
                .delete_version(&reference.model, number, &Actor::local()),
        )
        .coded()
        .with_context(|| format!("failed to delete {reference}"))
    }

    fn delete_model(&self, model: &ModelName) -> anyhow::Result<()> {
        self.wait(self.platform.registry.delete_model(model, &Actor::local()))
            .coded()
            .with_context(|| format!("failed to delete {model}"))
    }
}
