//! Evaluation over HTTP, on the dataset that is part of the binary.

use mofang_accounts::Role;
use mofang_testing::{TestApp, TestAppBuilder};
use serde_json::json;

const PATH: &str = "/v1/models/digits/evaluate";

#[tokio::test]
async fn a_version_is_evaluated_on_a_split() {
    let app = TestApp::new().await;
    let editor = &app.user(Role::Editor).key;
    let body = json!({ "dataset": "digits:test" });
    let answer = app
        .post(PATH)
        .bearer(editor)
        .json(&body)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(answer["model"], "digits");
    assert_eq!(answer["version"], 1);
    assert_eq!(answer["dataset"], "digits:test");
    let examples = answer["examples"].as_u64().unwrap();
    assert!(examples > 100, "{examples}");
    let accuracy = answer["metrics"]["accuracy"].as_f64().unwrap();
    assert!(
        (0.0..0.5).contains(&accuracy),
        "random weights are {accuracy} right"
    );
    let [low, high] = [0, 1].map(|side: usize| answer["intervals"]["accuracy"][side].as_f64());
    assert!(low.unwrap() <= accuracy && accuracy <= high.unwrap());
    assert_eq!(answer["resamples"], 1_000);
}

#[tokio::test]
async fn what_cannot_be_evaluated_on_is_refused() {
    let app = TestApp::new().await;
    let editor = &app.user(Role::Editor).key;
    let own = app.folder.path().join("own.toml");
    std::fs::write(&own, "name = \"own\"").unwrap();
    let own = format!("{}:test", own.display());
    for (dataset, status) in [
        ("digits", 400),
        ("digits:all", 400),
        ("ghost:test", 404),
        // A path is no name of the catalogue, though the file is there.
        (own.as_str(), 404),
        ("fashion-mnist:test", 503),
    ] {
        let body = json!({ "dataset": dataset });
        let response = app.post(PATH).bearer(editor).json(&body).send().await;
        assert_eq!(response.status, status, "{dataset}: {}", response.text());
        let folder = app.folder.path().join("datasets");
        assert!(
            !response.text().contains(folder.to_str().unwrap()),
            "{}",
            response.text()
        );
    }
}

#[tokio::test]
async fn an_evaluation_ends_with_its_time() {
    let mut builder = TestAppBuilder::default();
    builder.http.evaluation_timeout_seconds = 0;
    let app = builder.build().await.unwrap();
    let editor = &app.user(Role::Editor).key;
    let body = json!({ "dataset": "digits:test" });
    app.post(PATH)
        .bearer(editor)
        .json(&body)
        .send()
        .await
        .expect(504);
    // Its place is free again.
    app.post(PATH)
        .bearer(editor)
        .json(&body)
        .send()
        .await
        .expect(504);
}
