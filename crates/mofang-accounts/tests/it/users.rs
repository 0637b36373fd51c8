//! Roles, closed accounts, the last admin.

use mofang_accounts::{AuditFilter, ExposeSecret as _, Page, Principal, Role, Scope, SecretString};
use mofang_types::{Coded as _, ErrorCode};

use crate::fixture::{Fixture, PASSWORD, settings};

#[tokio::test]
async fn sec_15_a_closed_account_loses_sessions_and_keys_at_once() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let bob = fixture.register("bob").await.unwrap();
    let ada = fixture.session("ada").await.unwrap();
    let opened = fixture.log_in("bob").await.unwrap();
    let by = fixture
        .authenticate_session(opened.token.expose_secret())
        .unwrap();
    let key = fixture.create_key(&by, &[Scope::Infer]).await.unwrap();
    fixture
        .accounts
        .set_disabled(&ada, &bob.id, true)
        .await
        .unwrap();
    fixture
        .authenticate_session(opened.token.expose_secret())
        .unwrap_err();
    fixture.authenticate_key(&key).unwrap_err();
    // Opening the account again brings neither back.
    fixture
        .accounts
        .set_disabled(&ada, &bob.id, false)
        .await
        .unwrap();
    fixture
        .authenticate_session(opened.token.expose_secret())
        .unwrap_err();
    fixture.authenticate_key(&key).unwrap_err();
    fixture.log_in("bob").await.unwrap();
}

#[tokio::test]
async fn the_last_admin_cannot_be_taken_away() {
    let fixture = Fixture::new(settings()).await.unwrap();
    let first = fixture.register("ada").await.unwrap();
    let ada = fixture.session("ada").await.unwrap();
    let accounts = &fixture.accounts;
    for error in [
        accounts
            .set_role(&ada, &first.id, Role::Viewer)
            .await
            .unwrap_err(),
        accounts
            .set_disabled(&ada, &first.id, true)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::Conflict);
        assert!(error.to_string().contains("last admin"), "{error}");
    }
    let still = fixture.session("ada").await.unwrap();
    assert_eq!(still.role, Role::Admin);
}

#[tokio::test]
async fn only_admins_manage_users_and_read_the_audit_log() {
    let fixture = Fixture::new(settings()).await.unwrap();
    let ada = fixture.register("ada").await.unwrap();
    for (name, role) in [
        ("viewer", Role::Viewer),
        ("caller", Role::Caller),
        ("editor", Role::Editor),
    ] {
        fixture.register_as(name, role).await.unwrap();
        let by = fixture.session(name).await.unwrap();
        let accounts = &fixture.accounts;
        let page = Page::default();
        let codes = [
            accounts.list_users(&by, &page).await.map(|_| ()),
            accounts.list_all_keys(&by, &page).await.map(|_| ()),
            accounts.find_user(&by, "ada").await.map(|_| ()),
            accounts
                .audit(&by, &AuditFilter::default(), &page)
                .await
                .map(|_| ()),
            accounts
                .set_role(&by, &by.user_id, Role::Admin)
                .await
                .map(|_| ()),
            accounts.set_disabled(&by, &ada.id, true).await.map(|_| ()),
            accounts
                .reset_password(&by, &ada.id, SecretString::from("mine now, all mine"))
                .await,
        ]
        .map(|result| result.unwrap_err().code());
        assert_eq!(codes, [ErrorCode::Forbidden; 7], "{role}");
    }
}

#[tokio::test]
async fn an_admin_finds_users_and_helps_who_forgot_the_password() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let bob = fixture.register("bob").await.unwrap();
    let ada = fixture.session("ada").await.unwrap();
    let accounts = &fixture.accounts;
    assert_eq!(accounts.find_user(&ada, "Bob").await.unwrap(), bob);
    assert_eq!(accounts.find_user(&ada, &bob.id).await.unwrap(), bob);
    let users = accounts.list_users(&ada, &Page::default()).await.unwrap();
    assert_eq!(users.items.len(), 2);
    let opened = fixture.log_in("bob").await.unwrap();
    accounts
        .reset_password(&ada, &bob.id, SecretString::from("a fresh start"))
        .await
        .unwrap();
    fixture
        .authenticate_session(opened.token.expose_secret())
        .unwrap_err();
    accounts.log_in("bob", PASSWORD, None).await.unwrap_err();
    accounts.log_in("bob", "a fresh start", None).await.unwrap();
    let error = accounts.find_user(&ada, "nobody").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn every_change_names_who_did_it() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let bob = fixture.register("bob").await.unwrap();
    let ada = fixture.session("ada").await.unwrap();
    let accounts = &fixture.accounts;
    accounts
        .set_role(&ada, &bob.id, Role::Editor)
        .await
        .unwrap();
    let key = fixture.create_key(&ada, &[Scope::Infer]).await.unwrap();
    accounts.revoke_key(&ada, &key.summary.id).await.unwrap();
    accounts.set_disabled(&ada, &bob.id, true).await.unwrap();
    accounts.log_out(&ada).await.unwrap();
    let filter = AuditFilter {
        actor: Some("ada".to_owned()),
        ..AuditFilter::default()
    };
    let log = accounts
        .audit(&Principal::local(), &filter, &Page::default())
        .await
        .unwrap();
    let actions: Vec<_> = log
        .items
        .iter()
        .rev()
        .map(|entry| {
            let text = format!("{entry:?}");
            assert!(!text.contains(key.key.expose_secret()), "{text}");
            entry.action.as_str()
        })
        .collect();
    assert_eq!(
        actions,
        [
            "user.register",
            "session.open",
            "user.set_role",
            "key.create",
            "key.revoke",
            "user.disable",
            "session.end",
        ]
    );
}
