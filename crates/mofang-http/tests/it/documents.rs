//! Snapshots: the OpenAPI document and the main answers.

use mofang_accounts::Role;
use mofang_testing::{TestApp, digit_png};
use serde_json::{Value, json};

/// Replaces what differs from run to run.
fn redacted(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                let varies = name.ends_with("_unix_ms")
                    || name.ends_with("_ms")
                    || name == "id"
                    || name.ends_with("_id")
                    || name.ends_with("digest")
                    || matches!(
                        name.as_str(),
                        "key" | "token" | "csrf_token" | "last_four" | "probability"
                    );
                *field = if varies && !field.is_null() {
                    json!(format!("[{name}]"))
                } else {
                    redacted(field.take())
                };
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = redacted(item.take());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

#[tokio::test]
async fn the_openapi_document_is_the_accepted_one() {
    let app = TestApp::new().await;
    let admin = &app.user(Role::Admin).key;
    let document = app
        .get("/openapi.json")
        .bearer(admin)
        .send()
        .await
        .expect(200)
        .json();
    insta::assert_json_snapshot!("openapi", document);
}

#[tokio::test]
async fn the_main_answers_are_the_accepted_ones() {
    let app = TestApp::new().await;
    app.publish("digits", 1).await.unwrap();
    let admin = &app.user(Role::Admin).key;
    let mut answers = Vec::new();
    for path in [
        "/healthz",
        "/readyz",
        "/v1/users/me",
        "/v1/users?limit=1",
        "/v1/keys",
        "/v1/models",
        "/v1/models/digits",
        "/v1/models/digits/versions?limit=1",
        "/v1/models/digits/aliases",
        "/v1/models/digits/aliases/production/history",
        "/v1/models/ghost",
        "/v1/models/digit",
        "/v1/models/digits@9",
        "/v1/datasets/ghost",
        "/v1/audit?limit=1",
        "/v1/doctor",
        "/nowhere",
    ] {
        let response = app.get(path).bearer(admin).send().await;
        let body =
            serde_json::from_slice(&response.body).unwrap_or_else(|_| json!(response.text()));
        let mut body = redacted(body);
        if path == "/v1/doctor" {
            // What there is to compute on is the machine's matter.
            body["checks"][3]["detail"] = json!("[devices]");
        }
        answers.push(json!({ "get": path, "status": response.status, "body": body }));
    }
    let predict = app
        .post("/v1/models/digits@production/predict?top_k=2")
        .bearer(admin)
        .body("image/png", digit_png().unwrap());
    let mut prediction = predict.send().await.expect(200).json();
    for class in prediction["predictions"][0]["classes"]
        .as_array_mut()
        .unwrap()
    {
        // Which class random weights prefer is not what this is about.
        class["label"] = json!("[label]");
        class["index"] = json!("[index]");
    }
    answers.push(json!({ "post": "predict", "body": redacted(prediction) }));
    insta::assert_json_snapshot!("answers", answers);
}
