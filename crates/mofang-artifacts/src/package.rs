//! Packages: a manifest and the files that it names.

use std::collections::BTreeMap;

use bytes::Bytes;
use fail::fail_point;
use mofang_types::{
    ArtifactDigest, MANIFEST_FORMAT_VERSION, Package, PackageFile, PackageManifest,
};
use serde::Deserialize;

use crate::{ArtifactError, ArtifactStore, check_package_path};

/// A manifest is short text; more than this is none.
const MANIFEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A package to be written: its manifest, with `files` empty, and its files by path.
#[derive(Debug, Clone)]
pub struct PackageDraft {
    /// The manifest; the store fills in `files`.
    pub manifest: PackageManifest,
    /// The files by path.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A package that is stored durably.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPackage {
    /// The digest of the manifest, which is the identity of the package.
    pub digest: ArtifactDigest,
    /// The manifest with its files.
    pub manifest: PackageManifest,
    /// The size of all files together.
    pub size_bytes: u64,
}

/// What can be read of a manifest before its format is known.
#[derive(Deserialize)]
struct FormatProbe {
    format_version: u64,
}

impl ArtifactStore {
    /// Writes a package: each file, then the manifest. Until the manifest is there, nothing is.
    ///
    /// # Errors
    /// When a path or the manifest is not valid, or the store has no room or fails.
    pub async fn write_package(&self, draft: PackageDraft) -> Result<StoredPackage, ArtifactError> {
        check_draft(&draft)?;
        let PackageDraft {
            mut manifest,
            files,
        } = draft;
        let mut size_bytes = 0;
        for (path, bytes) in files {
            let file_size_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            fail_point!("package::file::before", |_| Err(ArtifactError::OutOfSpace));
            let digest = self.put(Bytes::from(bytes)).await?;
            fail_point!("package::file::after", |_| Err(ArtifactError::OutOfSpace));
            size_bytes += file_size_bytes;
            manifest.files.push(PackageFile {
                path,
                digest,
                size_bytes: file_size_bytes,
            });
        }
        let bytes = serde_json::to_vec(&manifest).map_err(|error| ArtifactError::InvalidDraft {
            detail: error.to_string(),
        })?;
        // What cannot be read back must not be published.
        let manifest = parse_manifest(&ArtifactDigest::of(&bytes), &bytes).map_err(|error| {
            ArtifactError::InvalidDraft {
                detail: error.to_string(),
            }
        })?;
        fail_point!("package::manifest::before", |_| Err(
            ArtifactError::OutOfSpace
        ));
        let digest = self.put(Bytes::from(bytes)).await?;
        fail_point!("package::manifest::after", |_| Err(
            ArtifactError::OutOfSpace
        ));
        Ok(StoredPackage {
            digest,
            manifest,
            size_bytes,
        })
    }

    /// Reads a package with every file, all of them verified.
    ///
    /// # Errors
    /// When a part is missing or corrupt, or the package was written by a newer version.
    pub async fn read_package(&self, digest: &ArtifactDigest) -> Result<Package, ArtifactError> {
        let manifest = self.read_manifest(digest).await?;
        let mut files = BTreeMap::new();
        for file in &manifest.files {
            let bytes = self.get_sized(&file.digest, Some(file.size_bytes)).await?;
            files.insert(file.path.clone(), Vec::from(bytes));
        }
        Ok(Package { manifest, files })
    }

    /// Reads the manifest of a package.
    ///
    /// # Errors
    /// As [`ArtifactStore::read_package`].
    pub async fn read_manifest(
        &self,
        digest: &ArtifactDigest,
    ) -> Result<PackageManifest, ArtifactError> {
        parse_manifest(digest, &self.get(digest).await?)
    }

    /// Reads one file of a package; `None` when the manifest names no such path.
    ///
    /// # Errors
    /// When the file is missing or corrupt.
    pub async fn read_package_file(
        &self,
        manifest: &PackageManifest,
        path: &str,
    ) -> Result<Option<Bytes>, ArtifactError> {
        match manifest.file(path) {
            None => Ok(None),
            Some(file) => self
                .get_sized(&file.digest, Some(file.size_bytes))
                .await
                .map(Some),
        }
    }

    /// Puts aside every part of the package that is corrupt; returns their digests.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn quarantine_package(
        &self,
        digest: &ArtifactDigest,
    ) -> Result<Vec<ArtifactDigest>, ArtifactError> {
        let mut parts = vec![*digest];
        match self.read_manifest(digest).await {
            Ok(manifest) => parts.extend(manifest.files.iter().map(|file| file.digest)),
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error),
        }
        let mut put_aside = Vec::new();
        for part in parts {
            if self.quarantine(&part).await? {
                put_aside.push(part);
            }
        }
        Ok(put_aside)
    }
}

fn check_draft(draft: &PackageDraft) -> Result<(), ArtifactError> {
    let invalid = |detail: String| Err(ArtifactError::InvalidDraft { detail });
    let manifest = &draft.manifest;
    if manifest.format_version != MANIFEST_FORMAT_VERSION {
        return invalid(format!(
            "its manifest has format version {}, and this program writes {MANIFEST_FORMAT_VERSION}",
            manifest.format_version
        ));
    }
    if !manifest.files.is_empty() {
        return invalid("its manifest already lists files; leave the list empty".to_owned());
    }
    // JSON has no such numbers: they would be written as null and make the manifest unreadable.
    if let Some((name, value)) = manifest
        .metrics
        .iter()
        .find(|(_, value)| !value.is_finite())
    {
        return invalid(format!("its metric \"{name}\" is {value}"));
    }
    draft
        .files
        .keys()
        .try_for_each(|path| check_package_path(path))
}

fn parse_manifest(digest: &ArtifactDigest, bytes: &[u8]) -> Result<PackageManifest, ArtifactError> {
    let invalid = |detail: String| ArtifactError::InvalidManifest {
        digest: *digest,
        detail,
    };
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(invalid(format!("it has {} bytes", bytes.len())));
    }
    // A newer format may have fields that this one does not know, so its number comes first.
    let probe: FormatProbe =
        serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
    if probe.format_version > u64::from(MANIFEST_FORMAT_VERSION) {
        return Err(ArtifactError::NewerFormat {
            digest: *digest,
            found: probe.format_version,
            supported: MANIFEST_FORMAT_VERSION,
        });
    }
    let manifest: PackageManifest =
        serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
    for file in &manifest.files {
        check_package_path(&file.path).map_err(|error| invalid(error.to_string()))?;
    }
    let sorted = manifest
        .files
        .windows(2)
        .all(|pair| matches!(pair, [first, second] if first.path < second.path));
    if !sorted {
        return Err(invalid(
            "its files are not sorted by distinct paths".to_owned(),
        ));
    }
    Ok(manifest)
}
