//! Keeping damaged versions from being used.

use fail::fail_point;
use mofang_artifacts::ArtifactError;
use mofang_store::{VersionRecord, VersionStatus};
use mofang_types::ModelReference;
use serde_json::json;

use crate::{Actor, Registry, RegistryError, Route};

impl Registry {
    /// Reads and verifies the whole package of a version. A damaged one is quarantined; one that
    /// was quarantined and is whole again, e.g. restored from a backup, becomes usable.
    ///
    /// # Errors
    /// When there is no such version, it is damaged, or a store fails.
    pub async fn verify(
        &self,
        reference: &ModelReference,
        actor: &Actor,
    ) -> Result<VersionRecord, RegistryError> {
        let route = self.locate(reference)?;
        self.load_package(&route).await?;
        let mut record = self.record(&route).await?;
        if record.status == VersionStatus::Quarantined {
            let subject = format!("{}@{}", route.model, route.number);
            let details = json!({ "package_digest": route.package_digest });
            let audit = self.audit(actor, "version.restore", subject, details);
            self.store
                .set_version_status(&route.version_id, VersionStatus::Ready, None, audit)
                .await?;
            self.show_change().await;
            record.status = VersionStatus::Ready;
            record.status_reason = None;
        }
        Ok(record)
    }

    /// Quarantines the version because of `damage` and returns the error for the one who asked
    /// for it. The mark comes first: should the rest fail, the version is not used again anyway.
    pub(crate) async fn quarantine(&self, route: &Route, damage: &ArtifactError) -> RegistryError {
        let reason = damage.to_string();
        match self.mark(route, &reason).await {
            Ok(()) => {}
            // Deleted while it was being read: there is nothing to mark.
            Err(error @ RegistryError::VersionNotFound { .. }) => return error,
            Err(error) => tracing::error!(
                model.name = %route.model,
                version.number = route.number,
                %error,
                "a damaged version could not be marked"
            ),
        }
        if let Err(error) = self
            .artifacts
            .quarantine_package(&route.package_digest)
            .await
        {
            tracing::error!(
                package.digest = %route.package_digest,
                %error,
                "a damaged package could not be put aside"
            );
        }
        RegistryError::Quarantined {
            model: route.model.clone(),
            number: route.number,
            reason,
        }
    }

    async fn mark(&self, route: &Route, reason: &str) -> Result<(), RegistryError> {
        let record = self.record(route).await?;
        if record.id != route.version_id {
            return Err(RegistryError::VersionNotFound {
                model: route.model.clone(),
                number: route.number,
            });
        }
        if record.status == VersionStatus::Quarantined {
            return Ok(());
        }
        let subject = format!("{}@{}", route.model, route.number);
        let details = json!({ "package_digest": route.package_digest, "reason": reason });
        let audit = self.audit(&Actor::system(), "version.quarantine", subject, details);
        fail_point!("quarantine::row::before", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        self.store
            .set_version_status(
                &route.version_id,
                VersionStatus::Quarantined,
                Some(reason),
                audit,
            )
            .await?;
        fail_point!("quarantine::row::after", |_| Err(
            mofang_artifacts::ArtifactError::OutOfSpace.into()
        ));
        self.show_change().await;
        tracing::error!(
            model.name = %route.model,
            version.number = route.number,
            reason,
            "a damaged version was quarantined"
        );
        Ok(())
    }
}
