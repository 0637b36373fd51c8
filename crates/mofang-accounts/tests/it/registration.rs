//! Who may make an account, and with which name and password.

use mofang_accounts::{
    AccountError, AccountSettings, AuditFilter, Page, Principal, RegisterRequest,
    RegistrationPolicy, Role, SecretString,
};
use mofang_types::{Coded as _, ErrorCode};

use crate::fixture::{Fixture, PASSWORD, address, settings};

fn from(name: &str, client: &str) -> RegisterRequest {
    let mut request = RegisterRequest::new(name, PASSWORD);
    request.address = address(client);
    request
}

#[tokio::test]
async fn sec_12_there_is_no_account_until_somebody_makes_the_admins() {
    let fixture = Fixture::new(settings()).await.unwrap();
    assert!(!fixture.accounts.has_users());
    let error = fixture
        .accounts
        .log_in("admin", "password1234", None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unauthenticated);
    let first = fixture.register("Ada").await.unwrap();
    assert_eq!((first.name.as_str(), first.role), ("ada", Role::Admin));
    let second = fixture.register("bob").await.unwrap();
    assert_eq!(second.role, Role::Viewer);
}

#[tokio::test]
async fn sec_12_strangers_need_the_bootstrap_token() {
    let settings = AccountSettings {
        bootstrap_token: Some(SecretString::from("the-token")),
        ..settings()
    };
    let fixture = Fixture::new(settings.clone()).await.unwrap();
    let mut request = from("eve", "192.0.2.7");
    for token in [None, Some("another")] {
        request.bootstrap_token = token.map(SecretString::from);
        let error = fixture
            .accounts
            .register(request.clone(), None)
            .await
            .unwrap_err();
        assert!(matches!(error, AccountError::BootstrapRefused));
    }
    request.bootstrap_token = Some(SecretString::from("the-token"));
    let user = fixture.accounts.register(request, None).await.unwrap();
    assert_eq!(user.role, Role::Admin);

    for (client, allowed) in [
        ("127.0.0.1", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
    ] {
        let fixture = Fixture::new(settings.clone()).await.unwrap();
        let result = fixture.accounts.register(from("ada", client), None).await;
        assert_eq!(result.is_ok(), allowed, "{client}");
    }
    let fixture = Fixture::new(AccountSettings {
        first_user_from_loopback: false,
        ..settings
    })
    .await
    .unwrap();
    fixture
        .accounts
        .register(from("ada", "127.0.0.1"), None)
        .await
        .unwrap_err();
}

#[tokio::test]
async fn registration_is_closed_unless_an_admin_makes_the_account() {
    let fixture = Fixture::new(AccountSettings {
        registration: RegistrationPolicy::Closed,
        ..settings()
    })
    .await
    .unwrap();
    fixture.register("ada").await.unwrap();
    let error = fixture
        .accounts
        .register(from("bob", "127.0.0.1"), None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Forbidden);
    let bob = fixture.register_as("bob", Role::Editor).await.unwrap();
    assert_eq!(bob.role, Role::Editor);
    let by = fixture.session("bob").await.unwrap();
    let error = fixture
        .accounts
        .register(from("eve", "127.0.0.1"), Some(&by))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Forbidden);
}

#[tokio::test]
async fn nobody_gives_oneself_a_role() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let mut request = RegisterRequest::new("eve", PASSWORD);
    request.role = Some(Role::Admin);
    let error = fixture.accounts.register(request, None).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Forbidden);
}

#[tokio::test]
async fn names_and_passwords_are_checked() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    for (name, password, code) in [
        ("ADA", PASSWORD, ErrorCode::AlreadyExists),
        ("", PASSWORD, ErrorCode::InvalidInput),
        ("-x", PASSWORD, ErrorCode::InvalidInput),
        ("local", PASSWORD, ErrorCode::InvalidInput),
        ("two words", PASSWORD, ErrorCode::InvalidInput),
        ("bob", "short", ErrorCode::InvalidInput),
        ("bob", "Football1", ErrorCode::InvalidInput),
    ] {
        let error = fixture
            .accounts
            .register(RegisterRequest::new(name, password), None)
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{name} {password}: {error}");
        assert!(!error.to_string().contains(password), "{error}");
    }
}

#[tokio::test]
async fn every_account_is_in_the_audit_log_and_no_secret_is() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    fixture.register_as("bob", Role::Caller).await.unwrap();
    let log = fixture
        .accounts
        .audit(
            &Principal::local(),
            &AuditFilter::default(),
            &Page::default(),
        )
        .await
        .unwrap();
    let seen: Vec<_> = log
        .items
        .iter()
        .map(|entry| {
            assert!(!format!("{entry:?}").contains(PASSWORD));
            (
                entry.actor.as_str(),
                entry.action.as_str(),
                entry.subject.as_str(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("local", "user.register", "bob"),
            ("ada", "user.register", "ada")
        ]
    );
}
