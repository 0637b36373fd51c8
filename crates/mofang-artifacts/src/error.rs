//! What can go wrong with artifacts, whatever store is below.

use std::error::Error;
use std::io;

use mofang_types::{ArtifactDigest, Coded, ErrorCode};

/// A failure of the artifact store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// No artifact of this digest is stored.
    #[error("artifact {digest} is missing")]
    NotFound {
        /// The digest.
        digest: ArtifactDigest,
    },
    /// The stored bytes are not those that the digest names.
    #[error("artifact {digest} is corrupt: {detail}; restore it from a backup or publish again")]
    Corrupt {
        /// The digest that the bytes should have.
        digest: ArtifactDigest,
        /// What is wrong with them.
        detail: String,
    },
    /// The artifact is whole and still no manifest of a package.
    #[error("artifact {digest} is not the manifest of a package: {detail}")]
    InvalidManifest {
        /// The digest.
        digest: ArtifactDigest,
        /// Why.
        detail: String,
    },
    /// The package was written by a newer version of this program.
    #[error(
        "package {digest} has format version {found}, and this program reads versions up to \
         {supported}: use the newer mofang that wrote it"
    )]
    NewerFormat {
        /// The digest of the manifest.
        digest: ArtifactDigest,
        /// The version that was found.
        found: u64,
        /// The highest version that this program knows.
        supported: u32,
    },
    /// A path that must not be in a package.
    #[error("\"{path}\" cannot be a path in a package: {reason}")]
    InvalidPath {
        /// The path.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// A package that cannot be written as it is.
    #[error("the package cannot be written: {detail}")]
    InvalidDraft {
        /// Why.
        detail: String,
    },
    /// The store has no room for the artifact; nothing of it can be seen.
    #[error("no space is left for artifacts; free some and try again")]
    OutOfSpace,
    /// The location does not name a store that can be opened.
    #[error("cannot open the artifact store at {location}: {detail}")]
    InvalidLocation {
        /// The location.
        location: String,
        /// Why, and the way out.
        detail: String,
    },
    /// The store failed in another way.
    #[error("the artifact store failed while it was to {operation}")]
    Backend {
        /// What was being done.
        operation: &'static str,
        /// The cause, for the log.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ArtifactError {
    /// Whether stored bytes are lost or wrong, so that trying again cannot help.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. } | Self::Corrupt { .. } | Self::InvalidManifest { .. }
        )
    }

    /// What a failure of the store below means.
    pub(crate) fn backend(
        operation: &'static str,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        if is_out_of_space(&source) {
            return Self::OutOfSpace;
        }
        Self::Backend {
            operation,
            source: Box::new(source),
        }
    }
}

impl Coded for ArtifactError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::Corrupt { .. } | Self::InvalidManifest { .. } | Self::NewerFormat { .. } => {
                ErrorCode::Unavailable
            }
            Self::InvalidPath { .. } | Self::InvalidDraft { .. } | Self::InvalidLocation { .. } => {
                ErrorCode::InvalidInput
            }
            Self::OutOfSpace => ErrorCode::OutOfSpace,
            Self::Backend { .. } => ErrorCode::Internal,
        }
    }
}

/// Whether a full disk or an exhausted quota is somewhere among the causes.
pub(crate) fn is_out_of_space(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let full = error.downcast_ref::<io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            )
        });
        if full {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(kind: io::ErrorKind) -> object_store::Error {
        // As `object_store` wraps it: an error of its local store around that of the system.
        let outer = object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(io::Error::from(kind)),
        };
        object_store::Error::Generic {
            store: "PrefixStore",
            source: Box::new(outer),
        }
    }

    #[test]
    fn a_full_disk_is_found_among_the_causes() {
        for (kind, code) in [
            (io::ErrorKind::StorageFull, ErrorCode::OutOfSpace),
            (io::ErrorKind::QuotaExceeded, ErrorCode::OutOfSpace),
            (io::ErrorKind::PermissionDenied, ErrorCode::Internal),
        ] {
            assert_eq!(
                ArtifactError::backend("write", nested(kind)).code(),
                code,
                "{kind}"
            );
        }
    }
}
