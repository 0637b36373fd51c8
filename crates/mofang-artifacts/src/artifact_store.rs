//! The store of blobs.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use fail::fail_point;
use futures::TryStreamExt as _;
use mofang_types::{ArtifactDigest, UnixMillis};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};

use crate::{ArtifactError, location};

/// Blobs of at most this size are hashed where they are; larger ones on a thread that may block.
const INLINE_HASH_BYTES_MAX: usize = 64 * 1024;

const BLOB_FOLDER: &str = "sha256";
const QUARANTINE_FOLDER: &str = "quarantine";

/// A stored blob, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedArtifact {
    /// The digest that names it; a listing does not verify it.
    pub digest: ArtifactDigest,
    /// Its size.
    pub size_bytes: u64,
    /// When it was last written.
    pub modified_unix_ms: UnixMillis,
}

/// Blobs named by their SHA-256, verified whenever they are read.
#[derive(Debug)]
pub struct ArtifactStore {
    store: Arc<dyn ObjectStore>,
    folder: Option<PathBuf>,
}

impl ArtifactStore {
    /// Opens the store at `location`: a folder, made when missing, or a URL such as
    /// `s3://bucket/prefix` when its feature is compiled in.
    ///
    /// # Errors
    /// When the location names nothing that can be opened.
    pub fn open(location: &str) -> Result<Self, ArtifactError> {
        Self::open_with(location, &[])
    }

    /// Opens the store at `location` with options for its driver, by the names that `object_store`
    /// gives them, e.g. `aws_region`. A folder takes none.
    ///
    /// # Errors
    /// As [`ArtifactStore::open`].
    pub fn open_with(location: &str, options: &[(String, String)]) -> Result<Self, ArtifactError> {
        let opened = location::open(location, options)?;
        Ok(Self {
            store: opened.store,
            folder: opened.folder,
        })
    }

    /// A store that is gone when it is dropped.
    pub fn in_memory() -> Self {
        Self {
            store: Arc::new(InMemory::new()),
            folder: None,
        }
    }

    /// The folder, when the store is a local one.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    /// Writes `bytes` durably and returns their digest.
    ///
    /// What is already stored under the digest is written again: that mends a corrupt copy, and it
    /// makes an old orphan young, so that no collection of garbage takes it away under a publish.
    ///
    /// # Errors
    /// When the store has no room or fails; then nothing can be read under the digest that was not
    /// there before.
    pub async fn put(&self, bytes: Bytes) -> Result<ArtifactDigest, ArtifactError> {
        let digest = digest_of(&bytes).await?;
        fail_point!("artifacts::put::before", |_| Err(ArtifactError::OutOfSpace));
        self.store
            .put(&blob_path(&digest), PutPayload::from_bytes(bytes))
            .await
            .map_err(|error| ArtifactError::backend("write an artifact", error))?;
        fail_point!("artifacts::put::after", |_| Err(ArtifactError::OutOfSpace));
        Ok(digest)
    }

    /// The bytes that `digest` names.
    ///
    /// # Errors
    /// When they are missing, or what is stored does not have the digest.
    pub async fn get(&self, digest: &ArtifactDigest) -> Result<Bytes, ArtifactError> {
        self.get_sized(digest, None).await
    }

    /// As [`ArtifactStore::get`]; reads nothing when the stored size is not `size_bytes`.
    pub(crate) async fn get_sized(
        &self,
        digest: &ArtifactDigest,
        size_bytes: Option<u64>,
    ) -> Result<Bytes, ArtifactError> {
        let corrupt = |detail: String| ArtifactError::Corrupt {
            digest: *digest,
            detail,
        };
        let fail = |error| {
            if matches!(error, object_store::Error::NotFound { .. }) {
                ArtifactError::NotFound { digest: *digest }
            } else {
                ArtifactError::backend("read an artifact", error)
            }
        };
        let found = self.store.get(&blob_path(digest)).await.map_err(fail)?;
        if let Some(expected) = size_bytes
            && found.meta.size != expected
        {
            let size = found.meta.size;
            return Err(corrupt(format!("it has {size} bytes, expected {expected}")));
        }
        let bytes = found.bytes().await.map_err(fail)?;
        let actual = digest_of(&bytes).await?;
        if actual != *digest {
            return Err(corrupt(format!("its bytes have the digest {actual}")));
        }
        Ok(bytes)
    }

    /// Whether something is stored under `digest`; does not read it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn exists(&self, digest: &ArtifactDigest) -> Result<bool, ArtifactError> {
        match self.store.head(&blob_path(digest)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(ArtifactError::backend("find an artifact", error)),
        }
    }

    /// Deletes what is stored under `digest`; it is no error when nothing is.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, digest: &ArtifactDigest) -> Result<(), ArtifactError> {
        self.remove(&blob_path(digest)).await
    }

    /// Every blob, by digest. Files that this store did not write are left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<ListedArtifact>, ArtifactError> {
        self.list_folder(BLOB_FOLDER).await
    }

    /// Every blob that was put aside as corrupt, by digest.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_quarantined(&self) -> Result<Vec<ListedArtifact>, ArtifactError> {
        self.list_folder(QUARANTINE_FOLDER).await
    }

    /// Puts the blob aside when it is corrupt still, for a person to look at, so that its digest
    /// is free for a good copy. Returns whether it did.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn quarantine(&self, digest: &ArtifactDigest) -> Result<bool, ArtifactError> {
        match self.get(digest).await {
            Err(ArtifactError::Corrupt { .. }) => {}
            Ok(_) | Err(ArtifactError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        fail_point!("artifacts::quarantine::before");
        self.store
            .rename(&blob_path(digest), &quarantine_path(digest))
            .await
            .map_err(|error| ArtifactError::backend("put a corrupt artifact aside", error))?;
        fail_point!("artifacts::quarantine::after");
        tracing::error!(artifact.digest = %digest, "a corrupt artifact was put aside");
        Ok(true)
    }

    pub(crate) async fn delete_quarantined(
        &self,
        digest: &ArtifactDigest,
    ) -> Result<(), ArtifactError> {
        self.remove(&quarantine_path(digest)).await
    }

    async fn remove(&self, path: &Path) -> Result<(), ArtifactError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(ArtifactError::backend("delete an artifact", error)),
        }
    }

    async fn list_folder(
        &self,
        folder: &'static str,
    ) -> Result<Vec<ListedArtifact>, ArtifactError> {
        let fail = |error| ArtifactError::backend("list the artifacts", error);
        let prefix = Path::from(folder);
        let mut found: Vec<ListedArtifact> = self
            .store
            .list(Some(&prefix))
            .map_err(fail)
            .try_filter_map(|object| {
                let digest = object
                    .location
                    .filename()
                    .and_then(|name| name.parse().ok());
                let listed = digest.map(|digest| ListedArtifact {
                    digest,
                    size_bytes: object.size,
                    modified_unix_ms: object.last_modified.timestamp_millis(),
                });
                if listed.is_none() {
                    tracing::warn!(path = %object.location, "a file among the artifacts is none");
                }
                futures::future::ready(Ok(listed))
            })
            .try_collect()
            .await?;
        found.sort_unstable_by_key(|artifact| artifact.digest);
        Ok(found)
    }
}

fn blob_path(digest: &ArtifactDigest) -> Path {
    let text = digest.to_string();
    let folder = text.get(..2).unwrap_or_default();
    Path::from(format!("{BLOB_FOLDER}/{folder}/{text}"))
}

fn quarantine_path(digest: &ArtifactDigest) -> Path {
    Path::from(format!("{QUARANTINE_FOLDER}/{digest}"))
}

async fn digest_of(bytes: &Bytes) -> Result<ArtifactDigest, ArtifactError> {
    if bytes.len() <= INLINE_HASH_BYTES_MAX {
        return Ok(ArtifactDigest::of(bytes));
    }
    let bytes = bytes.clone();
    tokio::task::spawn_blocking(move || ArtifactDigest::of(&bytes))
        .await
        .map_err(|error| ArtifactError::backend("hash an artifact", error))
}
