//! Publishing, listing, remarks, deletion, garbage.

use std::sync::Arc;
use std::time::Duration;

use mofang_registry::{Actor, RegistryError};
use mofang_store::{Page, SqliteStore, Store};
use mofang_types::{Coded as _, ErrorCode};

use crate::support::{audited, check_whole, clock, open, open_over, reference, request};

#[tokio::test]
async fn versions_are_numbered_listed_in_pages_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    for number in 1..=5 {
        let mut request = request(number, &["latest-good"]);
        request.note = format!("number {number}");
        let record = registry.publish(request).await.unwrap();
        assert_eq!(record.number, u32::from(number));
    }
    let model = "digits".parse().unwrap();
    let first = registry.versions(&model, &Page::first(3)).await.unwrap();
    let second = registry
        .versions(
            &model,
            &Page {
                after: first.next.clone(),
                limit: 3,
            },
        )
        .await
        .unwrap();
    let numbers: Vec<u32> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|v| v.number)
        .collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    assert!(second.next.is_none());
    let models = registry.list_models(&Page::first(10)).await.unwrap();
    assert_eq!(models.items[0].latest_number, Some(5));
    assert_eq!(models.items[0].version_count, 5);

    let card = registry
        .card(&reference("digits@latest-good"))
        .await
        .unwrap();
    assert_eq!(card.version.note, "number 5");
    assert_eq!(card.aliases[0].as_str(), "latest-good");
    assert_eq!(card.manifest.unwrap().files.len(), 2);
    assert_eq!(audited(&registry, "version.publish").await, 5);
    // Version and alias of a restarted process are the same.
    drop(registry);
    let registry = open(folder.path()).await;
    assert_eq!(
        registry
            .resolve(&reference("digits@latest-good"))
            .unwrap()
            .number,
        5
    );
    assert_eq!(check_whole(&registry, folder.path()).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_version_is_not_deleted_while_an_alias_names_it_and_its_number_is_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let (model, actor) = ("digits".parse().unwrap(), Actor::local());
    registry.publish(request(1, &[])).await.unwrap();
    registry.publish(request(2, &["production"])).await.unwrap();
    let error = registry
        .delete_version(&model, 2, &actor)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict, "{error}");
    let alias = "production".parse().unwrap();
    registry.delete_alias(&model, &alias, &actor).await.unwrap();
    registry.delete_version(&model, 2, &actor).await.unwrap();
    let error = registry.resolve(&reference("digits@2")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert_eq!(check_whole(&registry, folder.path()).await, [1]);
    assert_eq!(registry.publish(request(3, &[])).await.unwrap().number, 3);
    registry.delete_model(&model, &actor).await.unwrap();
    assert!(matches!(
        registry.resolve(&reference("digits")),
        Err(RegistryError::ModelNotFound { .. })
    ));
    assert_eq!(
        registry.collect_garbage(Duration::ZERO).await.unwrap().kept,
        0
    );
}

#[tokio::test]
async fn remarks_are_kept_and_bad_ones_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let actor = Actor::local();
    let mut bad = request(1, &[]);
    bad.tags.insert("not a key".to_owned(), "x".to_owned());
    let error = registry.publish(bad).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput, "{error}");
    assert!(registry.artifacts().list().await.unwrap().is_empty());

    registry.publish(request(1, &[])).await.unwrap();
    let digits = reference("digits@1");
    registry
        .tag(&digits, "stage", "tried", &actor)
        .await
        .unwrap();
    registry
        .tag(&digits, "stage", "good", &actor)
        .await
        .unwrap();
    assert_eq!(
        registry.version(&digits).await.unwrap().tags["stage"],
        "good"
    );
    registry.untag(&digits, "stage", &actor).await.unwrap();
    assert!(registry.version(&digits).await.unwrap().tags.is_empty());
    let error = registry.untag(&digits, "stage", &actor).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn the_routes_follow_changes_that_others_make_in_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mofang.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, clock()).await.unwrap());
    let one = open_over(Arc::clone(&store), folder.path()).await;
    let other = open_over(store, folder.path()).await;
    one.publish(request(1, &[])).await.unwrap();
    assert_eq!(one.resolve(&reference("digits")).unwrap().number, 1);
    for _ in 0..500 {
        if other.resolve(&reference("digits")).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the other registry never saw the version");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn garbage_collected_during_publishes_takes_nothing_of_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Arc::new(open(folder.path()).await);
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            let registry = Arc::clone(&registry);
            tokio::spawn(async move {
                for round in 0..5 {
                    let content = publisher * 5 + round;
                    registry
                        .publish(request(content, &["production"]))
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    while !publishers.iter().all(tokio::task::JoinHandle::is_finished) {
        registry.collect_garbage(Duration::ZERO).await.unwrap();
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
    let numbers = check_whole(&registry, folder.path()).await;
    assert_eq!(numbers, (1..=20).collect::<Vec<u32>>());
}
