//! Accounts, sessions and keys over HTTP.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use mofang_accounts::{Role, Scope};
use mofang_testing::{TestApp, TestAppBuilder};
use serde_json::json;

#[tokio::test]
async fn a_new_user_registers_logs_in_and_makes_a_key() {
    let app = TestAppBuilder {
        populated: false,
        ..TestAppBuilder::default()
    };
    let app = app.build().await.unwrap();
    let body = json!({ "name": "ada", "password": "seven purple walnuts" });
    let stranger = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
    let refused = app
        .post("/v1/users")
        .json(&body)
        .from_address(stranger)
        .send()
        .await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let user = app
        .post("/v1/users")
        .json(&body)
        .send()
        .await
        .expect(201)
        .json();
    assert_eq!(user["role"], "admin");
    // Accounts are made by admins from now on.
    let other = json!({ "name": "eve", "password": "seven purple walnuts" });
    app.post("/v1/users").json(&other).send().await.expect(403);

    let wrong = json!({ "name": "ada", "password": "wrong" });
    app.post("/v1/sessions")
        .json(&wrong)
        .send()
        .await
        .expect(401);
    let session = app
        .post("/v1/sessions")
        .json(&body)
        .send()
        .await
        .expect(201);
    let token = session.json()["token"].as_str().unwrap().to_owned();
    let key = json!({ "name": "laptop", "scopes": ["infer", "registry:read"] });
    let key = app
        .post("/v1/keys")
        .bearer(&token)
        .json(&key)
        .send()
        .await
        .expect(201)
        .json();
    let text = key["key"].as_str().unwrap();
    assert!(text.starts_with("mf_"), "{text}");
    app.get("/v1/models").bearer(text).send().await.expect(200);
    // Shown once: the listing has its last characters only.
    let listing = app.get("/v1/keys").bearer(&token).send().await.expect(200);
    assert!(!listing.text().contains(text));
    assert_eq!(
        listing.json()["items"][0]["last_four"],
        text[text.len() - 4..]
    );
    // A key that could make keys could give itself every scope.
    let more = json!({ "name": "more", "scopes": ["admin"] });
    app.post("/v1/keys")
        .bearer(text)
        .json(&more)
        .send()
        .await
        .expect(403);
}

#[tokio::test]
async fn revoked_and_expired_keys_are_refused_at_once() {
    let app = TestApp::new().await;
    let caller = app.user(Role::Caller);
    app.get("/v1/models")
        .bearer(&caller.key)
        .send()
        .await
        .expect(200);
    app.delete(&format!("/v1/keys/{}", caller.key_id))
        .bearer(&caller.token)
        .send()
        .await
        .expect(204);
    let refused = app
        .get("/v1/models")
        .bearer(&caller.key)
        .send()
        .await
        .expect(401);
    assert_eq!(refused.json()["code"], "unauthenticated");

    let now = mofang_types::Clock::now_unix_ms(app.clock.as_ref());
    let key = app
        .key(&[Scope::RegistryRead], Some(now + 60_000))
        .await
        .unwrap();
    app.get("/v1/models").bearer(&key).send().await.expect(200);
    app.clock.advance(Duration::from_secs(61));
    app.get("/v1/models").bearer(&key).send().await.expect(401);
}

#[tokio::test]
async fn sec_15_logging_out_and_closing_an_account_end_everything() {
    let app = TestApp::new().await;
    let (viewer, editor) = (app.user(Role::Viewer), app.user(Role::Editor));
    let admin = &app.user(Role::Admin).token;
    app.delete("/v1/sessions/current")
        .bearer(&viewer.token)
        .send()
        .await
        .expect(204);
    app.get("/v1/users/me")
        .bearer(&viewer.token)
        .send()
        .await
        .expect(401);

    let close = json!({ "disabled": true });
    let path = format!("/v1/users/{}", editor.id);
    app.patch(&path)
        .bearer(admin)
        .json(&close)
        .send()
        .await
        .expect(200);
    for credential in [&editor.token, &editor.key] {
        app.get("/v1/users/me")
            .bearer(credential)
            .send()
            .await
            .expect(401);
    }
}

#[tokio::test]
async fn sec_17_a_new_role_holds_from_the_next_request_on() {
    let app = TestApp::new().await;
    let viewer = app.user(Role::Viewer);
    let admin = &app.user(Role::Admin).token;
    app.get("/v1/audit")
        .bearer(&viewer.token)
        .send()
        .await
        .expect(403);
    let path = format!("/v1/users/{}", viewer.id);
    let role = json!({ "role": "admin" });
    app.patch(&path)
        .bearer(admin)
        .json(&role)
        .send()
        .await
        .expect(200);
    app.get("/v1/audit")
        .bearer(&viewer.token)
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn a_password_changes_with_the_old_one_only() {
    let app = TestApp::new().await;
    let caller = app.user(Role::Caller);
    let change = |old: &str| json!({ "old_password": old, "new_password": "nine orange teapots" });
    let put = || app.put("/v1/users/me/password").bearer(&caller.token);
    put().json(&change("wrong")).send().await.expect(401);
    put()
        .json(&change(caller.password()))
        .send()
        .await
        .expect(204);
    let log_in = |password: &str| {
        let body = json!({ "name": "caller", "password": password });
        app.post("/v1/sessions").json(&body).send()
    };
    log_in(caller.password()).await.expect(401);
    log_in("nine orange teapots").await.expect(201);
}

#[tokio::test]
async fn nobody_ends_or_sees_what_belongs_to_others() {
    let app = TestApp::new().await;
    let (viewer, caller) = (app.user(Role::Viewer), app.user(Role::Caller));
    let path = format!("/v1/keys/{}", caller.key_id);
    app.delete(&path)
        .bearer(&viewer.token)
        .send()
        .await
        .expect(404);
    app.get("/v1/keys?all=true")
        .bearer(&viewer.token)
        .send()
        .await
        .expect(403);
    app.get("/v1/users/me")
        .bearer(&caller.key)
        .send()
        .await
        .expect(200);
    let all = app
        .get("/v1/keys?all=true")
        .bearer(&app.user(Role::Admin).token)
        .send()
        .await;
    assert_eq!(all.expect(200).json()["items"].as_array().unwrap().len(), 4);
}
