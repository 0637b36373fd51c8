//! Logging in, sessions, passwords.

use std::time::Duration;

use mofang_accounts::{
    AccountSettings, AttemptLimits, Credential, ExposeSecret as _, PasswordHashSettings, Role,
    SecretString, SessionSettings,
};
use mofang_store::AccountRepository as _;
use mofang_types::{Clock as _, Coded as _, ErrorCode, SystemClock};

use crate::fixture::{Fixture, Outcome, PASSWORD, address, open, settings};

#[tokio::test]
async fn sec_14_each_login_gives_a_new_token_that_is_stored_hashed() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let first = fixture.log_in("ada").await.unwrap();
    let second = fixture.log_in("ADA ").await.unwrap();
    assert_ne!(first.token.expose_secret(), second.token.expose_secret());
    assert_eq!(first.token.expose_secret().len(), 4 + 43);
    let by = fixture
        .authenticate_session(first.token.expose_secret())
        .unwrap();
    assert_eq!((by.user_name.as_str(), by.role), ("ada", Role::Admin));
    let debug = format!("{first:?}");
    assert!(!debug.contains(first.token.expose_secret()), "{debug}");
    assert!(!debug.contains(first.csrf_token.expose_secret()), "{debug}");
    fixture
        .accounts
        .check_csrf(&by, first.csrf_token.expose_secret())
        .unwrap();
    for wrong in [second.csrf_token.expose_secret(), "", "x"] {
        let error = fixture.accounts.check_csrf(&by, wrong).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Forbidden);
    }
}

#[tokio::test]
async fn sec_13_unknown_and_known_names_get_the_same_answer() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    fixture.register("gone").await.unwrap();
    let gone = fixture.session("gone").await.unwrap();
    let admin = fixture.session("ada").await.unwrap();
    fixture
        .accounts
        .set_disabled(&admin, &gone.user_id, true)
        .await
        .unwrap();
    let mut answers = Vec::new();
    for (name, password) in [
        ("ada", "a wrong password"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("\u{0}'; --", PASSWORD),
    ] {
        let error = fixture
            .accounts
            .log_in(name, password, None)
            .await
            .unwrap_err();
        answers.push((error.code(), error.to_string()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

/// The figure of SEC-13 is 5 % over 1 000 trials, on a machine that does nothing else:
/// `cargo test --release -p mofang-accounts -- --ignored sec_13`. The ordinary run holds that a hash is
/// computed for an unknown name at all.
async fn median_times(trials: usize, memory_kib: u32) -> Outcome<(Duration, Duration)> {
    let fixture = Fixture::new(AccountSettings {
        password_hash: PasswordHashSettings {
            memory_kib,
            passes: 2,
            concurrent: 2,
        },
        attempts: AttemptLimits {
            per_account: 1_000_000,
            per_address: 1_000_000,
            ..AttemptLimits::default()
        },
        ..settings()
    })
    .await?;
    fixture.register("ada").await?;
    let clock = SystemClock::new();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..trials {
        for (name, times) in ["ada", "nobody"].into_iter().zip(&mut times) {
            let start = clock.monotonic();
            let result = fixture
                .accounts
                .log_in(name, "a wrong password", None)
                .await;
            assert!(result.is_err());
            times.push(clock.monotonic().saturating_sub(start));
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    Ok((known, unknown))
}

#[tokio::test]
async fn sec_13_an_unknown_name_costs_a_hash_too() {
    let (known, unknown) = median_times(11, 19_456).await.unwrap();
    let ratio = unknown.as_secs_f64() / known.as_secs_f64();
    assert!((0.5..2.0).contains(&ratio), "{known:?} {unknown:?}");
}

#[tokio::test]
#[ignore = "takes a minute of a quiet machine"]
async fn sec_13_times_differ_by_less_than_five_per_cent() {
    let (known, unknown) = median_times(1_000, 19_456).await.unwrap();
    let ratio = unknown.as_secs_f64() / known.as_secs_f64();
    assert!((0.95..1.05).contains(&ratio), "{known:?} {unknown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_44_a_third_hash_at_once_is_refused() {
    let fixture = Fixture::new(AccountSettings {
        password_hash: PasswordHashSettings::default(),
        ..settings()
    })
    .await
    .unwrap();
    fixture.register("ada").await.unwrap();
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let accounts = std::sync::Arc::clone(&fixture.accounts);
            tokio::spawn(async move {
                accounts
                    .log_in("ada", PASSWORD, None)
                    .await
                    .map(|_| ())
                    .map_err(|error| (error.code(), error.retry_after_seconds()))
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    let refused = Err((ErrorCode::TooManyRequests, Some(1)));
    assert!(outcomes.contains(&Ok(())), "{outcomes:?}");
    assert!(outcomes.contains(&refused), "{outcomes:?}");
    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == Ok(()) || *outcome == refused),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn sec_20_a_hash_is_renewed_at_login_when_the_settings_rise() {
    let fixture = Fixture::new(settings()).await.unwrap();
    let ada = fixture.register("ada").await.unwrap();
    let before = fixture.store.find_user(&ada.id).await.unwrap().unwrap();
    let raised = AccountSettings {
        password_hash: PasswordHashSettings {
            memory_kib: 128,
            passes: 2,
            concurrent: 2,
        },
        ..settings()
    };
    let accounts = open(&fixture.store, &fixture.clock, raised, 2)
        .await
        .unwrap();
    accounts
        .log_in("ada", "a wrong password", None)
        .await
        .unwrap_err();
    let after = fixture.store.find_user(&ada.id).await.unwrap().unwrap();
    assert_eq!(before, after);
    accounts.log_in("ada", PASSWORD, None).await.unwrap();
    let after = fixture.store.find_user(&ada.id).await.unwrap().unwrap();
    let hash = after.password_hash.as_str();
    assert!(hash.starts_with("$argon2id$v=19$m=128,t=2,p=1$"), "{hash}");
    accounts.log_in("ada", PASSWORD, None).await.unwrap();
    let again = fixture.store.find_user(&ada.id).await.unwrap().unwrap();
    assert_eq!(again.password_hash, after.password_hash);
}

#[tokio::test]
async fn sec_11_guessing_is_slowed_down_and_nobody_is_locked_out() {
    let fixture = Fixture::new(AccountSettings {
        attempts: AttemptLimits {
            per_account: 3,
            per_address: 100,
            refill: Duration::from_secs(30),
        },
        ..settings()
    })
    .await
    .unwrap();
    fixture.register("ada").await.unwrap();
    let (home, away) = (address("192.0.2.1"), address("198.51.100.1"));
    fixture
        .accounts
        .log_in("ada", PASSWORD, home)
        .await
        .unwrap();
    for _ in 0..3 {
        let error = fixture.accounts.log_in("ada", "guess guess", away).await;
        assert_eq!(error.unwrap_err().code(), ErrorCode::Unauthenticated);
    }
    let error = fixture
        .accounts
        .log_in("ada", PASSWORD, away)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::TooManyRequests);
    assert_eq!(error.retry_after_seconds(), Some(30));
    fixture
        .accounts
        .log_in("ada", PASSWORD, home)
        .await
        .unwrap();
    fixture.clock.advance(Duration::from_secs(30));
    fixture
        .accounts
        .log_in("ada", PASSWORD, away)
        .await
        .unwrap();
}

#[tokio::test]
async fn sec_14_sessions_end_when_idle_and_at_the_latest_after_so_long() {
    let fixture = Fixture::new(AccountSettings {
        sessions: SessionSettings {
            idle_timeout: Duration::from_secs(100),
            absolute_timeout: Duration::from_mins(5),
        },
        ..settings()
    })
    .await
    .unwrap();
    fixture.register("ada").await.unwrap();
    let idle = fixture.log_in("ada").await.unwrap();
    let busy = fixture.log_in("ada").await.unwrap();
    for _ in 0..3 {
        fixture.clock.advance(Duration::from_secs(99));
        fixture
            .authenticate_session(busy.token.expose_secret())
            .unwrap();
    }
    let error = fixture
        .authenticate_session(idle.token.expose_secret())
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unauthenticated);
    fixture.clock.advance(Duration::from_secs(3));
    fixture
        .authenticate_session(busy.token.expose_secret())
        .unwrap_err();
}

#[tokio::test]
async fn sec_15_logging_out_ends_the_session_at_once_and_others_are_seen() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    fixture.register("bob").await.unwrap();
    let first = fixture.log_in("ada").await.unwrap();
    let second = fixture.log_in("ada").await.unwrap();
    let by = fixture
        .authenticate_session(first.token.expose_secret())
        .unwrap();
    let listed = fixture.accounts.list_sessions(&by).await.unwrap();
    assert_eq!(listed.len(), 2);
    let current: Vec<_> = listed.iter().filter(|session| session.current).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0].id, first.session_id);

    let bob = fixture.session("bob").await.unwrap();
    let error = fixture
        .accounts
        .end_session(&bob, &second.session_id)
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    fixture
        .accounts
        .end_session(&by, &second.session_id)
        .await
        .unwrap();
    fixture
        .authenticate_session(second.token.expose_secret())
        .unwrap_err();
    fixture.accounts.log_out(&by).await.unwrap();
    fixture
        .authenticate_session(first.token.expose_secret())
        .unwrap_err();
}

#[tokio::test]
async fn sec_10_a_new_password_needs_the_old_one_and_ends_other_sessions() {
    let fixture = Fixture::new(settings()).await.unwrap();
    fixture.register("ada").await.unwrap();
    let here = fixture.log_in("ada").await.unwrap();
    let elsewhere = fixture.log_in("ada").await.unwrap();
    let by = fixture
        .authenticate_session(here.token.expose_secret())
        .unwrap();
    let new = || SecretString::from("another good one");
    let error = fixture
        .accounts
        .change_password(&by, "not the old one", new())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unauthenticated);
    let error = fixture
        .accounts
        .change_password(&by, PASSWORD, SecretString::from("password1"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    fixture
        .accounts
        .change_password(&by, PASSWORD, new())
        .await
        .unwrap();
    fixture
        .authenticate_session(here.token.expose_secret())
        .unwrap();
    fixture
        .authenticate_session(elsewhere.token.expose_secret())
        .unwrap_err();
    fixture
        .accounts
        .log_in("ada", PASSWORD, None)
        .await
        .unwrap_err();
    fixture
        .accounts
        .log_in("ada", "another good one", None)
        .await
        .unwrap();
}

#[tokio::test]
async fn sessions_survive_a_restart_and_their_last_use_is_noted() {
    let fixture = Fixture::new(settings()).await.unwrap();
    let ada = fixture.register("ada").await.unwrap();
    let opened = fixture.log_in("ada").await.unwrap();
    fixture.clock.advance(Duration::from_mins(10));
    fixture
        .authenticate_session(opened.token.expose_secret())
        .unwrap();
    fixture.accounts.flush().await.unwrap();
    let stored = fixture.store.list_sessions(&ada.id, 0).await.unwrap();
    assert_eq!(
        stored[0].last_used_unix_ms,
        fixture.clock.now_unix_ms(),
        "the last use was not noted"
    );
    let again = open(&fixture.store, &fixture.clock, settings(), 3)
        .await
        .unwrap();
    again
        .authenticate(Credential::SessionToken(opened.token.expose_secret()))
        .unwrap();
}
