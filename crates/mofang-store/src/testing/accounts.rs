//! Cases about users, sessions and keys.

#![expect(
    clippy::unwrap_used,
    reason = "a case fails by panicking, and the failure names itself"
)]

use std::sync::Arc;

use mofang_types::{Coded as _, ErrorCode};

use super::fixtures::{audit, key, session, user};
use crate::{Page, PasswordHash, Role, Store};

pub(super) async fn there_is_one_first_user(store: Arc<dyn Store>) {
    let tasks: Vec<_> = (0..8)
        .map(|index| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let name = format!("user{index}");
                store
                    .insert_first_user(user(&name, Role::Admin), audit(&name))
                    .await
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => won += 1,
            Err(error) => assert_eq!(error.code(), ErrorCode::Conflict),
        }
    }
    assert_eq!(won, 1);
}

pub(super) async fn names_are_unique(store: &dyn Store) {
    let ada = user("ada", Role::Editor);
    store.insert_user(ada.clone(), audit("a")).await.unwrap();
    let mut other = user("ada", Role::Viewer);
    "another".clone_into(&mut other.id);
    let error = store.insert_user(other, audit("b")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AlreadyExists);
    assert_eq!(store.find_user(&ada.id).await.unwrap(), Some(ada.clone()));
    assert_eq!(store.find_user_by_name("ada").await.unwrap(), Some(ada));
    assert_eq!(store.find_user_by_name("bob").await.unwrap(), None);
    store
        .insert_user(user("bob", Role::Viewer), audit("c"))
        .await
        .unwrap();
    let page = store.list_users(&Page::first(1)).await.unwrap();
    assert_eq!(page.items[0].name, "ada");
    let rest = Page {
        after: page.next,
        limit: 5,
    };
    let page = store.list_users(&rest).await.unwrap();
    assert_eq!((page.items[0].name.as_str(), page.next), ("bob", None));
}

pub(super) async fn the_last_admin_stays(store: &dyn Store) {
    for (name, role) in [("ada", Role::Admin), ("bob", Role::Viewer)] {
        store
            .insert_user(user(name, role), audit(name))
            .await
            .unwrap();
    }
    let conflict = [
        store
            .set_user_role("id-ada", Role::Editor, audit("a"))
            .await,
        store.set_user_disabled("id-ada", true, audit("b")).await,
    ];
    for result in conflict {
        assert_eq!(result.unwrap_err().code(), ErrorCode::Conflict);
    }
    store
        .set_user_role("id-bob", Role::Admin, audit("c"))
        .await
        .unwrap();
    store
        .set_user_disabled("id-bob", true, audit("d"))
        .await
        .unwrap();
    // A closed admin is no admin who can log in.
    let error = store
        .set_user_role("id-ada", Role::Editor, audit("e"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict);
    store
        .set_user_disabled("id-bob", false, audit("f"))
        .await
        .unwrap();
    store
        .set_user_role("id-ada", Role::Editor, audit("g"))
        .await
        .unwrap();
    let error = store
        .set_user_role("nobody", Role::Editor, audit("h"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
}

pub(super) async fn closing_an_account_ends_everything(store: &dyn Store) {
    store
        .insert_user(user("ada", Role::Editor), audit("a"))
        .await
        .unwrap();
    store
        .insert_session(session("s1", "id-ada"), audit("b"))
        .await
        .unwrap();
    store
        .insert_key(key("k1", "id-ada"), audit("c"))
        .await
        .unwrap();
    let before = store.credentials(2_000).await.unwrap();
    assert_eq!((before.sessions.len(), before.keys.len()), (1, 1));
    assert_eq!(before.keys[0], key("k1", "id-ada"));
    assert_eq!(before.sessions[0], session("s1", "id-ada"));
    store
        .set_user_disabled("id-ada", true, audit("d"))
        .await
        .unwrap();
    store
        .set_user_disabled("id-ada", false, audit("e"))
        .await
        .unwrap();
    let after = store.credentials(2_000).await.unwrap();
    assert_eq!((after.sessions.len(), after.keys.len()), (0, 0));
    store
        .set_user_disabled("id-ada", true, audit("f"))
        .await
        .unwrap();
    for result in [
        store
            .insert_session(session("s2", "id-ada"), audit("g"))
            .await,
        store.insert_key(key("k2", "id-ada"), audit("h")).await,
    ] {
        assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
    }
}

pub(super) async fn a_new_password_ends_sessions(store: &dyn Store) {
    store
        .insert_user(user("ada", Role::Editor), audit("a"))
        .await
        .unwrap();
    for id in ["s1", "s2"] {
        store
            .insert_session(session(id, "id-ada"), audit(id))
            .await
            .unwrap();
    }
    let new = PasswordHash::new("$new".to_owned());
    store
        .set_password("id-ada", new.clone(), Some("s2"), audit("b"))
        .await
        .unwrap();
    let left = store.list_sessions("id-ada", 2_000).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, "s2");
    let stronger = PasswordHash::new("$stronger".to_owned());
    let old = PasswordHash::new("$argon2id$test".to_owned());
    store
        .strengthen_password_hash("id-ada", &old, stronger.clone(), audit("c"))
        .await
        .unwrap();
    let stored = store.find_user("id-ada").await.unwrap().unwrap();
    assert_eq!(stored.password_hash, new, "an old password came back");
    store
        .strengthen_password_hash("id-ada", &new, stronger.clone(), audit("d"))
        .await
        .unwrap();
    let stored = store.find_user("id-ada").await.unwrap().unwrap();
    assert_eq!(stored.password_hash, stronger);
    store
        .set_password("id-ada", new, None, audit("e"))
        .await
        .unwrap();
    assert!(
        store
            .list_sessions("id-ada", 2_000)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(super) async fn sessions_end(store: &dyn Store) {
    store
        .insert_user(user("ada", Role::Editor), audit("a"))
        .await
        .unwrap();
    for (id, used, expires) in [
        ("s1", 1_000, 2_000),
        ("s2", 1_000, 9_000),
        ("s3", 5_000, 9_000),
    ] {
        let mut record = session(id, "id-ada");
        record.last_used_unix_ms = used;
        record.expires_unix_ms = expires;
        store.insert_session(record, audit(id)).await.unwrap();
    }
    let listed = store.list_sessions("id-ada", 2_000).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|session| session.id.as_str()).collect();
    assert_eq!(ids, ["s3", "s2"]);
    let removed = store.delete_expired_sessions(3_000, 4_000).await.unwrap();
    assert_eq!(removed, 2);
    store.delete_session("s3", audit("b")).await.unwrap();
    let error = store.delete_session("s3", audit("c")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
}

pub(super) async fn keys_are_revoked_once(store: &dyn Store) {
    for name in ["ada", "bob"] {
        store
            .insert_user(user(name, Role::Editor), audit(name))
            .await
            .unwrap();
    }
    for (id, owner) in [("k1", "id-ada"), ("k2", "id-bob"), ("k3", "id-ada")] {
        store.insert_key(key(id, owner), audit(id)).await.unwrap();
    }
    store.revoke_key("k1", 4_000, audit("a")).await.unwrap();
    let error = store.revoke_key("k1", 5_000, audit("b")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    let revoked = store.find_key("k1").await.unwrap().unwrap();
    assert_eq!(revoked.revoked_unix_ms, Some(4_000));
    let live = store.credentials(0).await.unwrap().keys;
    assert_eq!(live.len(), 2);
    let page = store
        .list_keys(Some("id-ada"), &Page::first(1))
        .await
        .unwrap();
    assert_eq!(page.items[0].id, "k3");
    let rest = Page {
        after: page.next,
        limit: 1,
    };
    let page = store.list_keys(Some("id-ada"), &rest).await.unwrap();
    assert_eq!((page.items[0].id.as_str(), page.next), ("k1", None));
    let all = store.list_keys(None, &Page::default()).await.unwrap();
    assert_eq!(all.items.len(), 3);
}

pub(super) async fn last_use_only_grows(store: &dyn Store) {
    store
        .insert_user(user("ada", Role::Editor), audit("a"))
        .await
        .unwrap();
    store
        .insert_key(key("k1", "id-ada"), audit("b"))
        .await
        .unwrap();
    store
        .insert_session(session("s1", "id-ada"), audit("c"))
        .await
        .unwrap();
    for at in [6_000, 5_000] {
        store
            .note_last_used(
                &[("k1".to_owned(), at), ("gone".to_owned(), at)],
                &[("s1".to_owned(), at)],
            )
            .await
            .unwrap();
    }
    let found = store.find_key("k1").await.unwrap().unwrap();
    assert_eq!(found.last_used_unix_ms, Some(6_000));
    let sessions = store.list_sessions("id-ada", 0).await.unwrap();
    assert_eq!(sessions[0].last_used_unix_ms, 6_000);
}
