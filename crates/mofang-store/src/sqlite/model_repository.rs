//! The port for models, over SQLite.

use std::collections::BTreeSet;

use async_trait::async_trait;
use mofang_types::{AliasName, ArtifactDigest, ModelName, UnixMillis};
use serde_json::Value;

use super::{Feed, SqliteStore, aliases, audit_repository, models, versions};
use crate::{
    AliasMove, AliasRecord, ModelRecord, ModelRepository, ModelSummary, NewAuditEntry, NewVersion,
    Page, Paged, RouteRecord, SetAlias, StoreError, VersionRecord, VersionStatus,
};

#[async_trait]
impl ModelRepository for SqliteStore {
    async fn insert_version(
        &self,
        version: NewVersion,
        mut audit: NewAuditEntry,
    ) -> Result<VersionRecord, StoreError> {
        self.write("insert a version", Feed::Moves, |connection| {
            Box::pin(async move {
                let (record, _) = versions::insert(connection, &version).await?;
                for alias in &version.aliases {
                    let wish = SetAlias {
                        model: version.model.clone(),
                        alias: alias.clone(),
                        number: record.number,
                        expected_number: None,
                        moved_unix_ms: version.created_unix_ms,
                        moved_by: version.created_by.clone(),
                    };
                    aliases::set(connection, &wish).await?;
                }
                if let Value::Object(details) = &mut audit.details {
                    details.insert("number".to_owned(), record.number.into());
                }
                if audit.subject == record.model.as_str() {
                    audit.subject = format!("{}@{}", record.model, record.number);
                }
                audit_repository::append(connection, &audit).await?;
                Ok(record)
            })
        })
        .await
    }

    async fn find_model(&self, model: &ModelName) -> Result<Option<ModelRecord>, StoreError> {
        self.read("find a model", async {
            models::find(&mut *self.snapshot().await?, model).await
        })
        .await
    }

    async fn list_models(&self, page: &Page) -> Result<Paged<ModelSummary>, StoreError> {
        self.read("list the models", async {
            models::list(&mut *self.snapshot().await?, page).await
        })
        .await
    }

    async fn find_version(
        &self,
        model: &ModelName,
        number: u32,
    ) -> Result<Option<VersionRecord>, StoreError> {
        self.read("find a version", async {
            versions::find(&mut *self.snapshot().await?, model, number).await
        })
        .await
    }

    async fn latest_version(&self, model: &ModelName) -> Result<Option<VersionRecord>, StoreError> {
        self.read("find the latest version", async {
            versions::latest(&mut *self.snapshot().await?, model).await
        })
        .await
    }

    async fn list_versions(
        &self,
        model: &ModelName,
        page: &Page,
    ) -> Result<Paged<VersionRecord>, StoreError> {
        self.read("list the versions", async {
            versions::list(&mut *self.snapshot().await?, model, page).await
        })
        .await
    }

    async fn set_version_status(
        &self,
        version_id: &str,
        status: VersionStatus,
        reason: Option<&str>,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let version_id = version_id.to_owned();
        let reason = reason.map(str::to_owned);
        self.write_audited("set a status", Feed::Moves, audit, move |connection| {
            Box::pin(async move {
                versions::set_status(connection, &version_id, status, reason.as_deref()).await
            })
        })
        .await
    }

    async fn set_tag(
        &self,
        version_id: &str,
        key: &str,
        value: &str,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let (version_id, key, value) = (version_id.to_owned(), key.to_owned(), value.to_owned());
        self.write_audited("set a tag", Feed::Stays, audit, move |connection| {
            Box::pin(async move {
                versions::change_tags(connection, &version_id, |tags| {
                    tags.insert(key, value);
                    Ok(())
                })
                .await
            })
        })
        .await
    }

    async fn remove_tag(
        &self,
        version_id: &str,
        key: &str,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let (version_id, key) = (version_id.to_owned(), key.to_owned());
        self.write_audited("remove a tag", Feed::Stays, audit, move |connection| {
            Box::pin(async move {
                versions::change_tags(connection, &version_id, |tags| match tags.remove(&key) {
                    Some(_) => Ok(()),
                    None => Err(StoreError::NotFound {
                        kind: "tag",
                        name: key,
                    }
                    .into()),
                })
                .await
            })
        })
        .await
    }

    async fn set_alias(
        &self,
        alias: SetAlias,
        audit: NewAuditEntry,
    ) -> Result<AliasMove, StoreError> {
        self.write_audited("move an alias", Feed::Moves, audit, move |connection| {
            Box::pin(async move { aliases::set(connection, &alias).await })
        })
        .await
    }

    async fn delete_alias(
        &self,
        model: &ModelName,
        alias: &AliasName,
        moved_unix_ms: UnixMillis,
        moved_by: &str,
        audit: NewAuditEntry,
    ) -> Result<AliasMove, StoreError> {
        let (model, alias, moved_by) = (model.clone(), alias.clone(), moved_by.to_owned());
        self.write_audited("delete an alias", Feed::Moves, audit, move |connection| {
            Box::pin(async move {
                aliases::delete(connection, &model, &alias, moved_unix_ms, &moved_by).await
            })
        })
        .await
    }

    async fn list_aliases(&self, model: &ModelName) -> Result<Vec<AliasRecord>, StoreError> {
        self.read("list the aliases", async {
            aliases::list(&mut *self.snapshot().await?, model).await
        })
        .await
    }

    async fn alias_history(
        &self,
        model: &ModelName,
        alias: &AliasName,
        page: &Page,
    ) -> Result<Paged<AliasMove>, StoreError> {
        self.read("list the moves of an alias", async {
            aliases::history(&mut *self.snapshot().await?, model, alias, page).await
        })
        .await
    }

    async fn delete_version(
        &self,
        model: &ModelName,
        number: u32,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let model = model.clone();
        self.write_audited("delete a version", Feed::Moves, audit, move |connection| {
            Box::pin(async move { versions::delete(connection, &model, number).await })
        })
        .await
    }

    async fn delete_model(
        &self,
        model: &ModelName,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError> {
        let model = model.clone();
        let now = self.clock.now_unix_ms();
        self.write_audited("delete a model", Feed::Moves, audit, move |connection| {
            Box::pin(async move { models::delete(connection, &model, now).await })
        })
        .await
    }

    async fn live_package_digests(&self) -> Result<BTreeSet<ArtifactDigest>, StoreError> {
        self.read("list the packages", async {
            versions::live_package_digests(&mut *self.snapshot().await?).await
        })
        .await
    }

    async fn routes(&self) -> Result<Vec<RouteRecord>, StoreError> {
        self.read("read the routes", async {
            versions::routes(&mut *self.snapshot().await?).await
        })
        .await
    }
}
