//! Moving aliases, forth and back.

use mofang_registry::{Actor, Registry, RegistryError};
use mofang_store::{Page, VersionStatus};
use mofang_types::{AliasName, Coded as _, ErrorCode, ModelName, Selector};

use crate::support::{audited, blob_file, open, reference, request};

fn names() -> (ModelName, AliasName) {
    (
        "digits".parse().expect("a name"),
        "production".parse().expect("an alias"),
    )
}

async fn publish(registry: &Registry, count: u8) {
    for content in 1..=count {
        registry
            .publish(request(content, &["production"]))
            .await
            .expect("a version");
    }
}

#[tokio::test]
async fn an_alias_moves_with_history_and_only_as_expected() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    publish(&registry, 3).await;
    let (model, alias) = names();
    let actor = Actor::user("id-1", "ada");
    let one = Selector::Version(1);
    let error = registry
        .set_alias(&model, &alias, &one, Some(2), &actor)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict, "{error}");
    let moved = registry
        .set_alias(&model, &alias, &one, Some(3), &actor)
        .await
        .unwrap();
    assert_eq!((moved.from_number, moved.to_number), (Some(3), Some(1)));
    assert_eq!(
        registry
            .resolve(&reference("digits@production"))
            .unwrap()
            .number,
        1
    );
    let error = registry
        .set_alias(&model, &alias, &Selector::Version(9), None, &actor)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);

    let history = registry
        .alias_history(&model, &alias, &Page::default())
        .await
        .unwrap();
    let steps: Vec<_> = history
        .items
        .iter()
        .map(|step| (step.from_number, step.to_number))
        .collect();
    assert_eq!(
        steps,
        [
            (Some(3), Some(1)),
            (Some(2), Some(3)),
            (Some(1), Some(2)),
            (None, Some(1))
        ]
    );
    assert_eq!(history.items[0].moved_by, "ada");
    assert_eq!(registry.aliases(&model).await.unwrap()[0].number, 1);
    assert_eq!(audited(&registry, "alias.set").await, 1);
}

#[tokio::test]
async fn a_rollback_goes_back_step_by_step_and_says_when_there_is_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    publish(&registry, 4).await;
    let (model, alias) = names();
    let actor = Actor::local();
    // A version that is gone is passed over.
    registry.delete_version(&model, 3, &actor).await.unwrap();
    for expected in [2, 1] {
        let moved = registry.rollback(&model, &alias, &actor).await.unwrap();
        assert_eq!(moved.to_number, Some(expected));
        let route = registry.resolve(&reference("digits@production")).unwrap();
        assert_eq!(route.number, expected);
    }
    let error = registry.rollback(&model, &alias, &actor).await.unwrap_err();
    assert!(
        matches!(error, RegistryError::NoEarlierVersion { .. }),
        "{error}"
    );
    assert_eq!(audited(&registry, "alias.rollback").await, 2);
    let nobody = "canary".parse().unwrap();
    let error = registry
        .rollback(&model, &nobody, &actor)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn no_alias_goes_to_a_quarantined_version() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    publish(&registry, 3).await;
    let (model, alias) = names();
    let actor = Actor::local();
    let two = registry.resolve(&reference("digits@2")).unwrap();
    std::fs::write(blob_file(folder.path(), &two.package_digest), b"{}").unwrap();
    registry.load_package(&two).await.unwrap_err();
    let error = registry
        .set_alias(&model, &alias, &Selector::Version(2), None, &actor)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
    let moved = registry.rollback(&model, &alias, &actor).await.unwrap();
    assert_eq!(moved.to_number, Some(1));
    // Its card can still be read, without the manifest.
    let card = registry.card(&reference("digits@2")).await.unwrap();
    assert_eq!(card.version.status, VersionStatus::Quarantined);
    assert!(card.manifest.is_none());
}
