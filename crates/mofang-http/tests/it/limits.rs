//! Quotas, deadlines and a full server.

use std::time::Duration;

use mofang_accounts::Role;
use mofang_testing::{TestApp, TestAppBuilder, digit_png};
use serde_json::json;

const PATH: &str = "/v1/models/digits/predict";

#[tokio::test]
async fn rel_7_a_caller_over_its_quota_gets_429_and_a_time_in_seconds() {
    let app = TestApp::new().await;
    let caller = &app.user(Role::Caller).token;
    let admin = &app.user(Role::Admin).token;
    let body = json!({ "name": "slow", "scopes": ["registry:read"], "requests_per_minute": 2 });
    let key = app
        .post("/v1/keys")
        .bearer(admin)
        .json(&body)
        .send()
        .await
        .expect(201)
        .json();
    let key = key["key"].as_str().unwrap();
    for _ in 0..2 {
        app.get("/v1/models").bearer(key).send().await.expect(200);
    }
    let refused = app.get("/v1/models").bearer(key).send().await.expect(429);
    assert_eq!(refused.json()["code"], "too_many_requests");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    // Others are not touched, and the time that was named is enough.
    app.get("/v1/models")
        .bearer(caller)
        .send()
        .await
        .expect(200);
    app.clock.advance(Duration::from_secs(seconds));
    app.get("/v1/models").bearer(key).send().await.expect(200);
}

#[tokio::test]
async fn rel_6_a_full_queue_gets_503_and_a_time_in_seconds() {
    let mut builder = TestAppBuilder::default();
    builder.serving.queue_capacity = 1;
    builder.serving.max_batch_size = 1;
    let app = builder.build().await.unwrap();
    let key = &app.user(Role::Caller).key;
    let input = json!({ "shape": [1, 8, 8], "data": vec![0.0; 64] });
    let body = json!({ "inputs": vec![input; 200] });
    let answer = app
        .post(PATH)
        .bearer(key)
        .json(&body)
        .send()
        .await
        .expect(200)
        .json();
    let predictions = answer["predictions"].as_array().unwrap();
    let overloaded = predictions
        .iter()
        .filter(|prediction| prediction["error"]["code"] == "overloaded")
        .count();
    assert!(overloaded > 0, "200 inputs fitted into a queue of one");
    assert!(overloaded < 200, "no input was served");
}

#[tokio::test]
async fn a_deadline_that_passed_gets_504() {
    let mut builder = TestAppBuilder::default();
    // The batch waits far longer for company than the caller does for its answer.
    builder.serving.max_queue_delay = Duration::from_secs(5);
    let app = builder.build().await.unwrap();
    let key = &app.user(Role::Caller).key;
    let request = app
        .post(PATH)
        .bearer(key)
        .header("x-request-timeout-ms", "50")
        .body("image/png", digit_png().unwrap());
    let response = request.send().await.expect(504);
    assert_eq!(response.json()["code"], "timeout");
    let malformed = app
        .post(PATH)
        .bearer(key)
        .header("x-request-timeout-ms", "soon");
    malformed
        .body("image/png", digit_png().unwrap())
        .send()
        .await
        .expect(400);
}

#[tokio::test]
async fn more_inputs_than_the_limit_are_refused() {
    let mut builder = TestAppBuilder::default();
    builder.http.inputs_max = 2;
    let app = builder.build().await.unwrap();
    let key = &app.user(Role::Caller).key;
    let input = json!({ "shape": [1, 8, 8], "data": vec![0.0; 64] });
    let body = json!({ "inputs": vec![input; 3] });
    let response = app
        .post(PATH)
        .bearer(key)
        .json(&body)
        .send()
        .await
        .expect(400);
    assert!(response.text().contains("at most 2"), "{}", response.text());
}

#[tokio::test]
async fn rows_beyond_the_limit_of_inputs_are_not_read() {
    let mut builder = TestAppBuilder::default();
    builder.http.inputs_max = 2;
    let app = builder.build().await.unwrap();
    let key = &app.user(Role::Caller).key;
    // Of five rows the third is the last that is looked at.
    let csv = || "a\n1\n2\n3\n4\n5\n".to_owned();
    let lines = "{\"a\": 1}\n".repeat(5);
    let scoring = "/invocations?model=digits@production";
    for (path, media_type, body, said) in [
        (PATH, "text/csv", csv(), "3 inputs, at most 2"),
        (PATH, "application/jsonl", lines, "3 inputs, at most 2"),
        (scoring, "text/csv", csv(), "3 examples, 1 to 2"),
    ] {
        let request = app.post(path).bearer(key).body(media_type, body);
        let response = request.send().await.expect(400);
        assert!(response.text().contains(said), "{}", response.text());
    }
}
