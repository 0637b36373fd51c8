//! The port for models, versions and aliases.

use std::collections::BTreeSet;

use async_trait::async_trait;
use mofang_types::{AliasName, ArtifactDigest, ModelName, UnixMillis};

use crate::{
    AliasMove, AliasRecord, ModelRecord, ModelSummary, NewAuditEntry, NewVersion, Page, Paged,
    RouteRecord, SetAlias, StoreError, VersionRecord, VersionStatus,
};

/// Models, versions and aliases. Every change is one transaction with its audit entry.
#[async_trait]
pub trait ModelRepository {
    /// Inserts a version under the model's next number, makes the model when it is new, and moves
    /// the aliases to it. The number is added to the audit entry: `number` in its details, and
    /// `@number` behind its subject when the subject is the model's name.
    async fn insert_version(
        &self,
        version: NewVersion,
        audit: NewAuditEntry,
    ) -> Result<VersionRecord, StoreError>;

    /// The model of this name.
    async fn find_model(&self, model: &ModelName) -> Result<Option<ModelRecord>, StoreError>;

    /// A page of the models, by name; continues after a name.
    async fn list_models(&self, page: &Page) -> Result<Paged<ModelSummary>, StoreError>;

    /// The version of this number.
    async fn find_version(
        &self,
        model: &ModelName,
        number: u32,
    ) -> Result<Option<VersionRecord>, StoreError>;

    /// The version with the highest number.
    async fn latest_version(&self, model: &ModelName) -> Result<Option<VersionRecord>, StoreError>;

    /// A page of the model's versions, highest number first; continues below a number.
    async fn list_versions(
        &self,
        model: &ModelName,
        page: &Page,
    ) -> Result<Paged<VersionRecord>, StoreError>;

    /// Marks the version as usable or not.
    async fn set_version_status(
        &self,
        version_id: &str,
        status: VersionStatus,
        reason: Option<&str>,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Puts a remark on the version, in place of the one under the same key.
    async fn set_tag(
        &self,
        version_id: &str,
        key: &str,
        value: &str,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Removes a remark; not found when there is none under the key.
    async fn remove_tag(
        &self,
        version_id: &str,
        key: &str,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Lets the alias name the version, atomically.
    async fn set_alias(
        &self,
        alias: SetAlias,
        audit: NewAuditEntry,
    ) -> Result<AliasMove, StoreError>;

    /// Deletes the alias; its history stays.
    async fn delete_alias(
        &self,
        model: &ModelName,
        alias: &AliasName,
        moved_unix_ms: UnixMillis,
        moved_by: &str,
        audit: NewAuditEntry,
    ) -> Result<AliasMove, StoreError>;

    /// The aliases of the model, by name.
    async fn list_aliases(&self, model: &ModelName) -> Result<Vec<AliasRecord>, StoreError>;

    /// A page of the alias's moves, newest first; continues below a position.
    async fn alias_history(
        &self,
        model: &ModelName,
        alias: &AliasName,
        page: &Page,
    ) -> Result<Paged<AliasMove>, StoreError>;

    /// Deletes the version; a conflict while an alias names it.
    async fn delete_version(
        &self,
        model: &ModelName,
        number: u32,
        audit: NewAuditEntry,
    ) -> Result<(), StoreError>;

    /// Deletes the model with its versions and aliases. A model of the same name that is made later
    /// continues its numbers.
    async fn delete_model(&self, model: &ModelName, audit: NewAuditEntry)
    -> Result<(), StoreError>;

    /// The packages that some version names: all others are garbage.
    async fn live_package_digests(&self) -> Result<BTreeSet<ArtifactDigest>, StoreError>;

    /// Everything that resolving references needs, at one point in time.
    async fn routes(&self) -> Result<Vec<RouteRecord>, StoreError>;
}
