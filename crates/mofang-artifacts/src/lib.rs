//! Artifacts: bytes named by their SHA-256, and packages made of them.
//!
//! An [`ArtifactStore`] lies over a local folder or, behind the features `s3`, `gcs` and `azure`,
//! over a bucket. A blob is `sha256/<two digits>/<digest>`; a package is a manifest, itself a blob,
//! that names the blobs of its files. Whatever is read is hashed again: bytes that do not have
//! their digest never leave this crate.
//!
//! Local writes follow one order: a file of another name in the same folder, its bytes, fsync,
//! rename, fsync of the folder. A manifest is written after every file that it names, so a package
//! whose manifest can be read is whole. What a killed process leaves behind is garbage that
//! [`ArtifactStore::collect_garbage`] removes.
//!
//! This crate knows nothing of models, versions and users, and keeps no list of what is in use.
//!
//! # A new backend
//! 1. Add a feature that forwards to the one of `object_store`, with a line that explains it.
//! 2. Add its schemes to the list in `location.rs`.

mod artifact_store;
mod error;
mod garbage;
mod location;
mod package;
mod package_path;
mod staging;

pub use artifact_store::{ArtifactStore, ListedArtifact};
pub use error::ArtifactError;
pub use garbage::GarbageReport;
pub use package::{PackageDraft, StoredPackage};
pub use package_path::check_package_path;
