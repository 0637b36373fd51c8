//! Cases about the audit log and the change feed.

#![expect(
    clippy::unwrap_used,
    reason = "a case fails by panicking, and the failure names itself"
)]

use serde_json::json;

use super::fixtures::{audit, key, model_name, new_version, user};
use crate::{AuditFilter, Page, Role, Store};

pub(super) async fn every_change_is_written_down(store: &dyn Store) {
    let mut entry = audit("a");
    "version.publish".clone_into(&mut entry.action);
    "digits".clone_into(&mut entry.subject);
    entry.details = json!({ "note": "x" });
    store
        .insert_version(new_version("digits", "v1"), entry)
        .await
        .unwrap();
    let log = store
        .list_audit(&AuditFilter::default(), &Page::default())
        .await
        .unwrap();
    assert_eq!(log.items.len(), 1);
    assert_eq!(log.items[0].subject, "digits@1");
    assert_eq!(log.items[0].details, json!({ "note": "x", "number": 1 }));

    // A change that is refused writes nothing.
    store
        .delete_version(&model_name("digits"), 7, audit("b"))
        .await
        .unwrap_err();
    let log = store
        .list_audit(&AuditFilter::default(), &Page::default())
        .await
        .unwrap();
    assert_eq!(log.items.len(), 1);
}

pub(super) async fn pages_and_filters(store: &dyn Store) {
    for index in 0..5 {
        let mut entry = audit(&format!("a{index}"));
        let action = if index % 2 == 0 { "even" } else { "odd" };
        action.clone_into(&mut entry.action);
        store.append_audit(entry).await.unwrap();
    }
    let mut page = Page::first(2);
    let mut ids = Vec::new();
    loop {
        let part = store
            .list_audit(&AuditFilter::default(), &page)
            .await
            .unwrap();
        ids.extend(part.items.into_iter().map(|entry| entry.id));
        if part.next.is_none() {
            break;
        }
        page.after = part.next;
    }
    assert_eq!(ids, ["a4", "a3", "a2", "a1", "a0"]);
    for (filter, expected) in [
        (
            AuditFilter {
                action: Some("odd".to_owned()),
                ..AuditFilter::default()
            },
            2,
        ),
        (
            AuditFilter {
                actor: Some("tester".to_owned()),
                subject: Some("subject".to_owned()),
                ..AuditFilter::default()
            },
            5,
        ),
        (
            AuditFilter {
                actor: Some("nobody".to_owned()),
                ..AuditFilter::default()
            },
            0,
        ),
    ] {
        let found = store.list_audit(&filter, &Page::default()).await.unwrap();
        assert_eq!(found.items.len(), expected, "{filter:?}");
    }
}

pub(super) async fn the_feed_moves_when_it_must(store: &dyn Store) {
    let mut changes = store.changes();
    changes.mark_unchanged();
    store
        .insert_version(new_version("digits", "v1"), audit("a"))
        .await
        .unwrap();
    assert!(changes.has_changed().unwrap(), "a version was published");
    changes.mark_unchanged();
    store.set_tag("v1", "k", "v", audit("b")).await.unwrap();
    store.append_audit(audit("c")).await.unwrap();
    store.note_last_used(&[], &[]).await.unwrap();
    assert!(
        !changes.has_changed().unwrap(),
        "nothing that is kept in memory changed"
    );
    store
        .insert_user(user("ada", Role::Admin), audit("d"))
        .await
        .unwrap();
    assert!(changes.has_changed().unwrap(), "a user was made");
    changes.mark_unchanged();
    store
        .insert_key(key("k1", "id-ada"), audit("e"))
        .await
        .unwrap();
    changes.mark_unchanged();
    store.revoke_key("k1", 1, audit("f")).await.unwrap();
    assert!(changes.has_changed().unwrap(), "a key was revoked");
    store.check().await.unwrap();
    store.verify().await.unwrap();
}
