//! The card of a version: everything there is to know of it, in one answer.

use mofang_store::{VersionRecord, VersionStatus};
use mofang_types::{AliasName, ModelReference, PackageManifest};
use serde::{Deserialize, Serialize};

use crate::{Registry, RegistryError};

/// What is known of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// The version.
    pub version: VersionRecord,
    /// The aliases that name it, by name.
    pub aliases: Vec<AliasName>,
    /// Its manifest; `None` when the version is quarantined and the manifest cannot be read.
    pub manifest: Option<PackageManifest>,
}

impl Registry {
    /// The card of the version that `reference` means, be it usable or quarantined.
    ///
    /// # Errors
    /// When there is none, its manifest is damaged, or a store fails.
    pub async fn card(&self, reference: &ModelReference) -> Result<ModelCard, RegistryError> {
        let route = self.locate(reference)?;
        let version = self.record(&route).await?;
        let manifest = match self.artifacts.read_manifest(&version.package_digest).await {
            Ok(manifest) => Some(manifest),
            Err(error) if error.is_damage() => {
                if version.status != VersionStatus::Quarantined {
                    return Err(self.quarantine(&route, &error).await);
                }
                None
            }
            Err(error) => return Err(error.into()),
        };
        let aliases = self.routing.table().aliases(&route.model, route.number);
        Ok(ModelCard {
            version,
            aliases,
            manifest,
        })
    }
}
