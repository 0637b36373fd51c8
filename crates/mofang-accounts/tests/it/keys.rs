//! API keys: scopes, expiry, revocation, quotas.

use std::time::Duration;

use mofang_accounts::{
    AccountSettings, Action, CreateKeyRequest, Credential, ExposeSecret as _, Page, Principal,
    Role, Scope, is_api_key,
};
use mofang_store::AccountRepository as _;
use mofang_types::{Coded as _, ErrorCode};

use crate::fixture::{Fixture, START_UNIX_MS, open, settings};

fn request(scopes: &[Scope]) -> CreateKeyRequest {
    CreateKeyRequest {
        name: "a key".to_owned(),
        scopes: scopes.iter().copied().collect(),
        ..CreateKeyRequest::default()
    }
}

#[tokio::test]
async fn sec_45_a_key_is_shown_once_and_stored_hashed() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let ada = fixture.session("ada").await.unwrap();
    let created = fixture.create_key(&ada, &[Scope::Infer]).await.unwrap();
    let key = created.key.expose_secret();
    assert!(is_api_key(key));
    assert!(key.ends_with(&created.summary.last_four));
    assert!(!format!("{created:?}").contains(key));
    let record = fixture.store.find_key(&created.summary.id).await.unwrap();
    assert!(!format!("{record:?}").contains(key));
    let by = fixture.authenticate_key(&created).unwrap();
    assert_eq!(by.user_name, "ada");
    assert!(by.may(Action::Predict));
    assert!(!by.may(Action::ReadModels), "a scope that was not given");
    for wrong in ["", "mf_", &key.replace("mf_", "sk_"), &key[..38]] {
        let error = fixture
            .accounts
            .authenticate(Credential::ApiKey(wrong))
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unauthenticated);
    }
}

#[tokio::test]
async fn sec_15_a_revoked_key_ends_at_once() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    fixture.register("bob").await.unwrap();
    let ada = fixture.session("ada").await.unwrap();
    let bob = fixture.session("bob").await.unwrap();
    let key = fixture.create_key(&ada, &[Scope::Infer]).await.unwrap();
    let error = fixture
        .accounts
        .revoke_key(&bob, &key.summary.id)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    fixture.authenticate_key(&key).unwrap();
    fixture
        .accounts
        .revoke_key(&ada, &key.summary.id)
        .await
        .unwrap();
    let error = fixture.authenticate_key(&key).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unauthenticated);
    // Admins see and revoke the keys of others.
    let of_bob = fixture.create_key(&bob, &[Scope::Infer]).await.unwrap();
    let all = fixture
        .accounts
        .list_all_keys(&ada, &Page::default())
        .await
        .unwrap();
    assert_eq!(all.items.len(), 2);
    fixture
        .accounts
        .revoke_key(&ada, &of_bob.summary.id)
        .await
        .unwrap();
    fixture.authenticate_key(&of_bob).unwrap_err();
    let own = fixture
        .accounts
        .list_keys(&bob, &Page::default())
        .await
        .unwrap();
    assert_eq!(own.items.len(), 1);
    assert!(own.items[0].revoked_unix_ms.is_some());
}

#[tokio::test]
async fn a_revocation_elsewhere_arrives_by_the_change_feed_within_a_second() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let ada = fixture.session("ada").await.unwrap();
    let key = fixture.create_key(&ada, &[Scope::Infer]).await.unwrap();
    let other = open(&fixture.store, &fixture.clock, settings(), 9)
        .await
        .unwrap();
    let credential = Credential::ApiKey(key.key.expose_secret());
    other.authenticate(credential).unwrap();
    fixture
        .accounts
        .revoke_key(&ada, &key.summary.id)
        .await
        .unwrap();
    let mut waited = Duration::ZERO;
    while other.authenticate(credential).is_ok() {
        assert!(
            waited < Duration::from_secs(1),
            "it still works after {waited:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        waited += Duration::from_millis(20);
    }
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let ada = fixture.session("ada").await.unwrap();
    let mut wish = request(&[Scope::Infer]);
    wish.expires_unix_ms = Some(START_UNIX_MS + 5_000);
    let key = fixture
        .accounts
        .create_key(&ada, wish.clone())
        .await
        .unwrap();
    fixture.clock.advance(Duration::from_millis(4_999));
    fixture.authenticate_key(&key).unwrap();
    fixture.clock.advance(Duration::from_millis(1));
    fixture.authenticate_key(&key).unwrap_err();
    let error = fixture.accounts.create_key(&ada, wish).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
}

#[tokio::test]
async fn a_key_gives_no_more_than_its_owner_may() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let viewer = fixture.register("bob").await.unwrap();
    let bob = fixture.session("bob").await.unwrap();
    let everything = [Scope::Infer, Scope::RegistryWrite, Scope::Train];
    let key = fixture.create_key(&bob, &everything).await.unwrap();
    let by = fixture.authenticate_key(&key).unwrap();
    assert!(!by.may(Action::Predict), "a viewer's key may not predict");
    for (wish, code) in [
        (request(&[Scope::Admin]), ErrorCode::Forbidden),
        (request(&[]), ErrorCode::InvalidInput),
        (
            CreateKeyRequest {
                name: " ".to_owned(),
                ..request(&[Scope::Infer])
            },
            ErrorCode::InvalidInput,
        ),
        (
            CreateKeyRequest {
                user_id: Some("somebody".to_owned()),
                ..request(&[Scope::Infer])
            },
            ErrorCode::Forbidden,
        ),
    ] {
        let error = fixture.accounts.create_key(&bob, wish).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    // A key cannot make keys, or it could give itself every scope.
    let error = fixture
        .accounts
        .create_key(&by, request(&[Scope::Infer]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Forbidden);
    // But it can put an end to itself.
    fixture
        .accounts
        .revoke_key(&by, &key.summary.id)
        .await
        .unwrap();

    let mut wish = request(&[Scope::Infer]);
    wish.user_id = Some(viewer.id.clone());
    let given = fixture
        .accounts
        .create_key(&Principal::local(), wish)
        .await
        .unwrap();
    assert_eq!(given.summary.user_id, viewer.id);
}

#[tokio::test]
async fn sec_17_a_role_change_holds_at_the_next_request() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let bob = fixture.register_as("bob", Role::Editor).await.unwrap();
    let ada = fixture.session("ada").await.unwrap();
    let by = fixture.session("bob").await.unwrap();
    let key = fixture
        .create_key(&by, &[Scope::RegistryWrite])
        .await
        .unwrap();
    let before = fixture.authenticate_key(&key).unwrap();
    assert!(before.may(Action::PublishVersion));
    fixture
        .accounts
        .set_role(&ada, &bob.id, Role::Viewer)
        .await
        .unwrap();
    let after = fixture.authenticate_key(&key).unwrap();
    assert!(!after.may(Action::PublishVersion));
}

#[tokio::test]
async fn sec_25_a_key_has_its_quota_and_others_are_not_touched() {
    let fixture = Fixture::new(AccountSettings {
        requests_per_minute: Some(5),
        ..settings()
    })
    .await
    .unwrap();
    fixture.register("ada").await.unwrap();
    fixture.register("bob").await.unwrap();
    let opened = fixture.log_in("bob").await.unwrap();
    let bob = fixture
        .authenticate_session(opened.token.expose_secret())
        .unwrap();
    let by_default = fixture.create_key(&bob, &[Scope::Infer]).await.unwrap();
    let mut wish = request(&[Scope::Infer]);
    wish.requests_per_minute = Some(2);
    let small = fixture
        .accounts
        .create_key(&bob, wish.clone())
        .await
        .unwrap();
    for (key, quota) in [(&by_default, 5), (&small, 2)] {
        for _ in 0..quota {
            fixture.authenticate_key(key).unwrap();
        }
        let error = fixture.authenticate_key(key).unwrap_err();
        assert_eq!(error.code(), ErrorCode::TooManyRequests);
        let seconds = error.retry_after_seconds().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    // Reading everything again does not give the quota back.
    fixture.register("eve").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    fixture.authenticate_key(&small).unwrap_err();
    fixture.clock.advance(Duration::from_mins(1));
    fixture.authenticate_key(&small).unwrap();

    wish.requests_per_minute = Some(6);
    let error = fixture
        .accounts
        .create_key(&bob, wish.clone())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Forbidden);
    let ada = fixture.session("ada").await.unwrap();
    fixture.accounts.create_key(&ada, wish).await.unwrap();
}
