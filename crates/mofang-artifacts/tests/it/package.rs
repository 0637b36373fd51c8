//! Writing and reading packages.

use mofang_artifacts::ArtifactError;
use mofang_types::{ArtifactDigest, Coded as _, ErrorCode};

use crate::support::{blob_file, draft, open};

#[tokio::test]
async fn a_package_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let big = vec![7; 200_000];
    let stored = store
        .write_package(draft(&[
            ("model.safetensors", &big),
            ("a/card.md", b"hello"),
        ]))
        .await
        .unwrap();
    assert_eq!(stored.size_bytes, 200_005);
    let paths: Vec<&str> = stored
        .manifest
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(paths, ["a/card.md", "model.safetensors"]);

    let reopened = open(folder.path());
    let package = reopened.read_package(&stored.digest).await.unwrap();
    assert_eq!(package.manifest, stored.manifest);
    assert_eq!(package.files["model.safetensors"], big);
    assert_eq!(package.files["a/card.md"], b"hello");
    let card = reopened
        .read_package_file(&stored.manifest, "a/card.md")
        .await
        .unwrap();
    assert_eq!(card.as_deref(), Some(&b"hello"[..]));
    assert!(
        reopened
            .read_package_file(&stored.manifest, "x")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(reopened.list().await.unwrap().len(), 3);
}

#[tokio::test]
async fn equal_content_is_stored_once_and_a_second_write_mends_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let first = store
        .write_package(draft(&[("w", b"weights")]))
        .await
        .unwrap();
    let file = first.manifest.files[0].digest;
    std::fs::write(blob_file(folder.path(), &file), b"garbage").unwrap();
    assert!(store.get(&file).await.is_err());
    let second = store
        .write_package(draft(&[("w", b"weights")]))
        .await
        .unwrap();
    assert_eq!(first.digest, second.digest);
    assert_eq!(store.list().await.unwrap().len(), 2);
    assert!(store.read_package(&first.digest).await.is_ok());
}

#[tokio::test]
async fn drafts_that_could_not_be_read_back_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut not_a_number = draft(&[]);
    not_a_number
        .manifest
        .metrics
        .insert("f1".to_owned(), f64::NAN);
    let mut other_version = draft(&[]);
    other_version.manifest.format_version += 1;
    let mut listed = draft(&[("w", b"x")]);
    listed.manifest.files = store
        .write_package(draft(&[("w", b"x")]))
        .await
        .unwrap()
        .manifest
        .files;
    let before = store.list().await.unwrap();
    for draft in [
        not_a_number,
        other_version,
        listed,
        draft(&[("../escape", b"x")]),
        draft(&[("/etc/passwd", b"x")]),
        draft(&[("ok", b"y"), ("nul\0", b"x")]),
    ] {
        let error = store.write_package(draft).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput, "{error}");
    }
    assert_eq!(store.list().await.unwrap(), before);
}

#[tokio::test]
async fn manifests_of_others_are_refused_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let newer = br#"{"format_version": 2, "a_field_of_tomorrow": true}"#;
    let digest = store.put(newer.to_vec().into()).await.unwrap();
    let error = store.read_package(&digest).await.unwrap_err();
    assert!(
        matches!(error, ArtifactError::NewerFormat { found: 2, .. }),
        "{error}"
    );
    assert!(!error.is_damage());

    // A manifest of another's making that tries to leave the package.
    let stored = store.write_package(draft(&[("w", b"x")])).await.unwrap();
    let mut manifest = stored.manifest;
    manifest.files[0].path = "../../w".to_owned();
    let digest = store
        .put(serde_json::to_vec(&manifest).unwrap().into())
        .await
        .unwrap();
    let error = store.read_package(&digest).await.unwrap_err();
    assert!(
        matches!(error, ArtifactError::InvalidManifest { .. }),
        "{error}"
    );

    let absent = ArtifactDigest::of(b"nobody wrote this");
    assert_eq!(
        store.get(&absent).await.unwrap_err().code(),
        ErrorCode::NotFound
    );
    assert!(!store.exists(&absent).await.unwrap());
    assert!(store.exists(&digest).await.unwrap());
    store.delete(&digest).await.unwrap();
    store.delete(&digest).await.unwrap();
    assert!(!store.exists(&digest).await.unwrap());
}
