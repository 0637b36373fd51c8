//! Publishing a version.

use std::collections::BTreeMap;

use fail::fail_point;
use mofang_artifacts::PackageDraft;
use mofang_store::{NewVersion, VersionRecord};
use mofang_types::{AliasName, ModelName};
use serde_json::json;

use crate::tags::{check_note, check_tag};
use crate::{Actor, Registry, RegistryError};

/// A version to be published.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// The model; made when it does not exist.
    pub model: ModelName,
    /// The package.
    pub draft: PackageDraft,
    /// The aliases that shall name the version, moved in the transaction that makes it.
    pub aliases: Vec<AliasName>,
    /// Free remarks by key.
    pub tags: BTreeMap<String, String>,
    /// Who publishes it.
    pub actor: Actor,
    /// What they say about it.
    pub note: String,
}

impl PublishRequest {
    /// A request without aliases, tags and note.
    pub fn new(model: ModelName, draft: PackageDraft, actor: Actor) -> Self {
        Self {
            model,
            draft,
            aliases: Vec::new(),
            tags: BTreeMap::new(),
            actor,
            note: String::new(),
        }
    }
}

impl Registry {
    /// Publishes a version under the model's next number.
    ///
    /// The order is that of REL-25: each file durably, then the manifest, then one transaction with
    /// the version, the aliases and the audit entry. A process that dies before the transaction
    /// leaves garbage, and after it a whole version; there is nothing between.
    ///
    /// # Errors
    /// When the package is not valid, or a store has no room or fails.
    pub async fn publish(&self, request: PublishRequest) -> Result<VersionRecord, RegistryError> {
        let PublishRequest {
            model,
            draft,
            mut aliases,
            tags,
            actor,
            note,
        } = request;
        check_note(&note)?;
        tags.iter()
            .try_for_each(|(key, value)| check_tag(key, value))?;
        aliases.sort();
        aliases.dedup();
        let _publishing = self.publishing.read().await;
        fail_point!("publish::package::before", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        let package = self.artifacts.write_package(draft).await?;
        fail_point!("publish::package::after", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        let now = self.clock.now_unix_ms();
        let details = json!({
            "package_digest": package.digest,
            "size_bytes": package.size_bytes,
            "aliases": aliases,
        });
        let audit = self.audit(&actor, "version.publish", model.to_string(), details);
        let version = NewVersion {
            id: self.ids.next(now),
            model,
            model_id: self.ids.next(now),
            package_digest: package.digest,
            task: package.manifest.task,
            metrics: package.manifest.metrics,
            size_bytes: package.size_bytes,
            tags,
            aliases,
            created_unix_ms: now,
            created_by: actor.name,
            note,
        };
        fail_point!("publish::row::before", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        let record = self.store.insert_version(version, audit).await?;
        fail_point!("publish::row::after", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        self.show_change().await;
        fail_point!("publish::routes::after", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        tracing::info!(
            model.name = %record.model,
            version.number = record.number,
            package.digest = %record.package_digest,
            "a version was published"
        );
        Ok(record)
    }
}
