//! The artifact store over a bucket. Needs a server that speaks the protocol of S3, so it is long
//! and asked for by hand; CONTRIBUTING.md says how.

use mofang_artifacts::ArtifactStore;

use crate::support::draft;

/// The options of the driver, from the environment that every tool of S3 reads.
#[expect(
    clippy::disallowed_methods,
    reason = "the server of this test is named by whoever runs it"
)]
fn options() -> Vec<(String, String)> {
    std::env::vars()
        .filter(|(name, _)| name.starts_with("AWS_"))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect()
}

#[tokio::test]
#[ignore = "needs a server that speaks the protocol of S3"]
async fn a_package_goes_into_a_bucket_and_comes_back_verified() {
    let options = options();
    let store = ArtifactStore::open_with("s3://mofang/packages", &options)
        .expect("the bucket can be opened");
    let stored = store
        .write_package(draft(&[("model.safetensors", b"weights")]))
        .await
        .expect("the package is written");
    let package = store
        .read_package(&stored.digest)
        .await
        .expect("the package is read back");
    assert_eq!(package.files["model.safetensors"], b"weights");
    let listed = store.list().await.expect("the bucket is listed");
    assert!(
        listed
            .iter()
            .any(|artifact| artifact.digest == stored.digest)
    );
}
