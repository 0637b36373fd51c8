//! Cases about models, versions and aliases.

#![expect(
    clippy::unwrap_used,
    reason = "a case fails by panicking, and the failure names itself"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use mofang_types::{AliasName, Coded as _, ErrorCode};

use super::fixtures::{audit, model_name, new_version};
use crate::{Page, SetAlias, Store, VersionStatus};

fn alias(text: &str) -> AliasName {
    text.parse().unwrap()
}

fn move_to(model: &str, name: &str, number: u32) -> SetAlias {
    SetAlias {
        model: model_name(model),
        alias: alias(name),
        number,
        expected_number: None,
        moved_unix_ms: 5_000,
        moved_by: "ada".to_owned(),
    }
}

async fn publish(store: &dyn Store, model: &str, count: u32) {
    for index in 0..count {
        let id = format!("{model}-{index}");
        store
            .insert_version(new_version(model, &id), audit(&id))
            .await
            .unwrap();
    }
}

pub(super) async fn numbers_grow_and_are_never_reused(store: &dyn Store) {
    publish(store, "digits", 3).await;
    let digits = model_name("digits");
    store.delete_version(&digits, 3, audit("d")).await.unwrap();
    let next = store
        .insert_version(new_version("digits", "v4"), audit("v4"))
        .await
        .unwrap();
    assert_eq!(next.number, 4, "the number of a deleted version came back");
    store.delete_model(&digits, audit("dm")).await.unwrap();
    assert_eq!(store.find_model(&digits).await.unwrap(), None);
    assert_eq!(store.latest_version(&digits).await.unwrap(), None);
    assert!(store.live_package_digests().await.unwrap().is_empty());
    let error = store.list_versions(&digits, &Page::default()).await;
    assert_eq!(error.unwrap_err().code(), ErrorCode::NotFound);
    let after = store
        .insert_version(new_version("digits", "v5"), audit("v5"))
        .await
        .unwrap();
    assert_eq!(after.number, 5, "the numbers of a deleted model came back");
}

pub(super) async fn concurrent_versions_get_numbers_of_their_own(store: Arc<dyn Store>) {
    let tasks: Vec<_> = (0..20)
        .map(|index| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let id = format!("v{index}");
                store
                    .insert_version(new_version("digits", &id), audit(&id))
                    .await
                    .unwrap()
                    .number
            })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for task in tasks {
        numbers.insert(task.await.unwrap());
    }
    assert_eq!(numbers, (1..=20).collect());
}

pub(super) async fn what_is_published_is_read_back(store: &dyn Store) {
    let mut wish = new_version("digits", "v1");
    wish.tags.insert("team".to_owned(), "vision".to_owned());
    wish.aliases = vec![alias("production"), alias("staging")];
    let version = store
        .insert_version(wish.clone(), audit("a"))
        .await
        .unwrap();
    assert_eq!(version.number, 1);
    assert_eq!(version.status, VersionStatus::Ready);
    assert_eq!(version.metrics, wish.metrics);
    assert_eq!(version.tags, wish.tags);
    assert_eq!(version.note, wish.note);
    let digits = model_name("digits");
    let found = store.find_version(&digits, 1).await.unwrap();
    assert_eq!(found.as_ref(), Some(&version));
    assert_eq!(store.latest_version(&digits).await.unwrap(), found);
    assert_eq!(store.find_version(&digits, 2).await.unwrap(), None);
    let aliases = store.list_aliases(&digits).await.unwrap();
    let named: Vec<_> = aliases
        .iter()
        .map(|record| {
            (
                record.alias.as_str(),
                record.number,
                record.version_id.as_str(),
            )
        })
        .collect();
    assert_eq!(named, [("production", 1, "v1"), ("staging", 1, "v1")]);
}

pub(super) async fn listings_come_in_pages(store: &dyn Store) {
    for model in ["c", "a", "b"] {
        publish(store, model, 3).await;
        store
            .set_alias(
                move_to(model, "production", 2),
                audit(&format!("al-{model}")),
            )
            .await
            .unwrap();
    }
    let first = store.list_models(&Page::first(2)).await.unwrap();
    let names: Vec<_> = first
        .items
        .iter()
        .map(|item| {
            assert_eq!(item.aliases, [(alias("production"), 2)]);
            assert_eq!((item.latest_number, item.version_count), (Some(3), 3));
            item.model.name.as_str()
        })
        .collect();
    assert_eq!(names, ["a", "b"]);
    let rest = Page {
        after: first.next,
        limit: 2,
    };
    let second = store.list_models(&rest).await.unwrap();
    assert_eq!(second.items.len(), 1);
    assert_eq!(second.items[0].aliases, [(alias("production"), 2)]);
    assert_eq!(second.next, None);

    let model = model_name("a");
    let mut numbers = Vec::new();
    let mut page = Page::first(2);
    loop {
        let part = store.list_versions(&model, &page).await.unwrap();
        numbers.extend(part.items.iter().map(|version| version.number));
        if part.next.is_none() {
            break;
        }
        page.after = part.next;
    }
    assert_eq!(numbers, [3, 2, 1]);
    let nonsense = Page {
        after: Some("nonsense".to_owned()),
        limit: 1,
    };
    let error = store.list_versions(&model, &nonsense).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
}

pub(super) async fn aliases_move_and_keep_their_history(store: &dyn Store) {
    publish(store, "digits", 2).await;
    let (digits, production) = (model_name("digits"), alias("production"));
    for (index, number) in [1, 2, 1].into_iter().enumerate() {
        store
            .set_alias(
                move_to("digits", "production", number),
                audit(&format!("m{index}")),
            )
            .await
            .unwrap();
    }
    let gone = store
        .delete_alias(&digits, &production, 6_000, "bob", audit("gone"))
        .await
        .unwrap();
    assert_eq!(
        (gone.position, gone.from_number, gone.to_number),
        (4, Some(1), None)
    );
    assert!(store.list_aliases(&digits).await.unwrap().is_empty());
    let history = store
        .alias_history(&digits, &production, &Page::default())
        .await
        .unwrap();
    let moves: Vec<_> = history
        .items
        .iter()
        .map(|item| (item.position, item.from_number, item.to_number))
        .collect();
    assert_eq!(
        moves,
        [
            (4, Some(1), None),
            (3, Some(2), Some(1)),
            (2, Some(1), Some(2)),
            (1, None, Some(1)),
        ]
    );
    let error = store
        .delete_alias(&digits, &production, 6_000, "bob", audit("again"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    let error = store
        .set_alias(move_to("digits", "production", 9), audit("no"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
}

pub(super) async fn a_move_can_expect_where_the_alias_is(store: &dyn Store) {
    publish(store, "digits", 2).await;
    store
        .set_alias(move_to("digits", "production", 1), audit("a"))
        .await
        .unwrap();
    let mut wish = move_to("digits", "production", 2);
    wish.expected_number = Some(2);
    let error = store.set_alias(wish.clone(), audit("b")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict);
    wish.expected_number = Some(1);
    store.set_alias(wish, audit("c")).await.unwrap();
}

pub(super) async fn a_version_with_an_alias_stays(store: &dyn Store) {
    publish(store, "digits", 1).await;
    let digits = model_name("digits");
    store
        .set_alias(move_to("digits", "production", 1), audit("a"))
        .await
        .unwrap();
    let error = store
        .delete_version(&digits, 1, audit("b"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict);
    assert!(error.to_string().contains("production"), "{error}");
    store
        .delete_alias(&digits, &alias("production"), 0, "ada", audit("c"))
        .await
        .unwrap();
    store.delete_version(&digits, 1, audit("d")).await.unwrap();
    let error = store
        .delete_version(&digits, 1, audit("e"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
}

pub(super) async fn tags_and_status_change(store: &dyn Store) {
    publish(store, "digits", 1).await;
    let digits = model_name("digits");
    for (id, value) in [("a", "one"), ("b", "two")] {
        store
            .set_tag("digits-0", "stage", value, audit(id))
            .await
            .unwrap();
    }
    store
        .set_version_status(
            "digits-0",
            VersionStatus::Quarantined,
            Some("the weights are damaged"),
            audit("c"),
        )
        .await
        .unwrap();
    let version = store.find_version(&digits, 1).await.unwrap().unwrap();
    assert_eq!(version.tags.get("stage").map(String::as_str), Some("two"));
    assert_eq!(version.status, VersionStatus::Quarantined);
    assert_eq!(
        version.status_reason.as_deref(),
        Some("the weights are damaged")
    );
    store
        .remove_tag("digits-0", "stage", audit("d"))
        .await
        .unwrap();
    for error in [
        store.remove_tag("digits-0", "stage", audit("e")).await,
        store.set_tag("nothing", "stage", "x", audit("f")).await,
        store
            .set_version_status("nothing", VersionStatus::Ready, None, audit("g"))
            .await,
    ] {
        assert_eq!(error.unwrap_err().code(), ErrorCode::NotFound);
    }
}

pub(super) async fn routes_have_everything(store: &dyn Store) {
    publish(store, "a", 2).await;
    publish(store, "b", 1).await;
    store
        .set_alias(move_to("a", "production", 2), audit("x"))
        .await
        .unwrap();
    let routes = store.routes().await.unwrap();
    let seen: Vec<_> = routes
        .iter()
        .map(|route| (route.model.as_str(), route.number, route.aliases.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("a", 1, vec![]),
            ("a", 2, vec![alias("production")]),
            ("b", 1, vec![]),
        ]
    );
    let live = store.live_package_digests().await.unwrap();
    assert_eq!(
        live,
        routes.iter().map(|route| route.package_digest).collect()
    );
}

pub(super) async fn a_failed_change_leaves_nothing(store: &dyn Store) {
    publish(store, "digits", 1).await;
    // The audit entry's id is taken, so the transaction fails at its last step.
    store
        .insert_version(new_version("digits", "v2"), audit("digits-0"))
        .await
        .unwrap_err();
    let digits = model_name("digits");
    assert_eq!(store.find_version(&digits, 2).await.unwrap(), None);
    let next = store
        .insert_version(new_version("digits", "v2"), audit("fresh"))
        .await
        .unwrap();
    assert_eq!(next.number, 2);
}
