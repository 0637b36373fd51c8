//! The session's cookie, and pages of other origins (SEC-26).

use mofang_accounts::Role;
use mofang_testing::{TestApp, TestRequest};
use serde_json::json;

fn key_request(app: &TestApp) -> TestRequest {
    let viewer = app.user(Role::Viewer);
    app.post("/v1/keys")
        .header("host", "mofang.example")
        .header("cookie", &format!("__Host-mofang-session={}", viewer.token))
        .json(&json!({ "name": "page", "scopes": ["infer"] }))
}

#[tokio::test]
async fn sec_26_a_change_by_cookie_needs_our_origin_and_the_token() {
    let app = TestApp::new().await;
    let viewer = app.user(Role::Viewer);
    let own = ("origin", "https://mofang.example");
    let foreign = ("origin", "https://evil.example");
    let token = ("x-csrf-token", viewer.csrf_token.as_str());
    for headers in [
        vec![],
        vec![own],
        vec![token],
        vec![foreign, token],
        vec![own, ("x-csrf-token", "guessed")],
        vec![
            own,
            ("x-csrf-token", app.user(Role::Admin).csrf_token.as_str()),
        ],
    ] {
        let mut request = key_request(&app);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let response = request.send().await;
        assert_eq!(response.status, 403, "{headers:?}: {}", response.text());
    }
    let request = key_request(&app)
        .header(own.0, own.1)
        .header(token.0, token.1);
    request.send().await.expect(201);
}

#[tokio::test]
async fn sec_26_the_cookie_reads_without_a_token_and_is_set_with_every_guard() {
    let app = TestApp::new().await;
    let viewer = app.user(Role::Viewer);
    let cookie = format!("__Host-mofang-session={}", viewer.token);
    app.get("/v1/users/me")
        .header("cookie", &cookie)
        .send()
        .await
        .expect(200);

    let body = json!({ "name": "viewer", "password": viewer.password() });
    let session = app
        .post("/v1/sessions")
        .json(&body)
        .send()
        .await
        .expect(201);
    let cookie = session.header("set-cookie");
    assert!(cookie.starts_with("__Host-mofang-session="), "{cookie}");
    for attribute in [
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Max-Age=",
    ] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let token = session.json()["token"].as_str().unwrap().to_owned();
    let ended = app
        .delete("/v1/sessions/current")
        .bearer(&token)
        .send()
        .await
        .expect(204);
    assert!(ended.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn a_foreign_page_can_neither_log_in_nor_register() {
    let app = TestApp::new().await;
    let body = json!({ "name": "viewer", "password": app.user(Role::Viewer).password() });
    for path in ["/v1/sessions", "/v1/users"] {
        let request = app.post(path).header("host", "mofang.example");
        let foreign = request.header("origin", "https://evil.example").json(&body);
        foreign.send().await.expect(403);
        let form = app.post(path).body("text/plain", body.to_string());
        form.send().await.expect(415);
    }
}

#[tokio::test]
async fn sec_29_a_credential_in_the_url_is_none() {
    let app = TestApp::new().await;
    let key = &app.user(Role::Admin).key;
    for name in ["key", "token", "api_key", "access_token"] {
        app.get(&format!("/v1/models?{name}={key}"))
            .send()
            .await
            .expect(401);
    }
}
