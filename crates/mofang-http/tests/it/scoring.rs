//! `/invocations` and `/ping`, as MLflow's clients and SageMaker send them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mofang_accounts::Role;
use mofang_testing::{TestApp, TestAppBuilder, TestResponse, digit_png};
use serde_json::{Value, json};

const PATH: &str = "/invocations?model=digits@production";

fn tensor(shift: u8) -> Vec<f32> {
    (0..64_u8)
        .map(|index| f32::from(index.wrapping_add(shift * 7) % 64) / 32.0 - 1.0)
        .collect()
}

async fn invoke(app: &TestApp, path: &str, body: &Value) -> TestResponse {
    let key = &app.user(Role::Caller).key;
    app.post(path).bearer(key).json(body).send().await
}

/// The label that our own predict gives.
async fn label(app: &TestApp, shift: u8) -> String {
    let key = &app.user(Role::Caller).key;
    let body = json!({ "shape": [1, 8, 8], "data": tensor(shift) });
    let request = app
        .post("/v1/models/digits/predict")
        .bearer(key)
        .json(&body);
    let answer = request.send().await.expect(200).json();
    let label = &answer["predictions"][0]["classes"][0]["label"];
    label.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_form_gives_what_predict_gives() {
    let app = TestApp::new().await;
    let labels = json!([label(&app, 0).await, label(&app, 3).await]);
    let nested = |shift: u8| {
        let values = tensor(shift);
        let rows: Vec<&[f32]> = values.chunks(8).collect();
        json!([rows])
    };
    let names: Vec<String> = (0..64).map(|index| format!("pixel{index}")).collect();
    for body in [
        json!({ "instances": [nested(0), nested(3)] }),
        json!({ "instances": [tensor(0), tensor(3)] }),
        json!({ "inputs": [nested(0), nested(3)] }),
        json!({ "inputs": [tensor(0), tensor(3)] }),
        json!({ "inputs": { "image": [nested(0), nested(3)] } }),
        json!({ "dataframe_split": { "index": [0, 1], "columns": ["image"], "data": [[nested(0)], [nested(3)]] } }),
        json!({ "dataframe_split": { "columns": names, "data": [tensor(0), tensor(3)] } }),
        json!({ "dataframe_split": { "data": [tensor(0), tensor(3)] } }),
        json!({ "dataframe_records": [{ "image": nested(0) }, { "image": tensor(3) }] }),
    ] {
        let answer = invoke(&app, PATH, &body).await.expect(200).json();
        assert_eq!(answer, json!({ "predictions": labels }), "{body}");
    }
    let body = json!({ "instances": [tensor(0)], "params": { "top_k": 2 } });
    let classes = &invoke(&app, PATH, &body).await.expect(200).json()["predictions"][0];
    assert_eq!(classes.as_array().map(Vec::len), Some(2));
    assert_eq!(classes[0]["label"], labels[0]);
    assert!(classes[0]["probability"].as_f64() >= classes[1]["probability"].as_f64());
}

#[tokio::test]
async fn images_come_as_bytes_or_in_base64() {
    let app = TestApp::new().await;
    let key = &app.user(Role::Caller).key;
    let png = digit_png().unwrap();
    let text = STANDARD.encode(&png);
    let raw = |media_type: &str| app.post(PATH).bearer(key).body(media_type, png.clone());
    let first = raw("image/png").send().await.expect(200).json();
    assert_eq!(
        raw("application/x-image").send().await.expect(200).json(),
        first
    );
    for body in [
        json!({ "instances": [text] }),
        json!({ "instances": [{ "b64": text }] }),
        json!({ "dataframe_records": [{ "image": text }] }),
        json!({ "dataframe_split": { "columns": ["image"], "data": [[text]] } }),
    ] {
        assert_eq!(
            invoke(&app, PATH, &body).await.expect(200).json(),
            first,
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_model_is_named_by_query_header_or_setting() {
    let mut builder = TestAppBuilder::default();
    builder.http.invocations_model = "digits@production".parse().ok();
    let app = builder.build().await.unwrap();
    let key = &app.user(Role::Caller).key;
    let body = json!({ "instances": [tensor(0)] });
    invoke(&app, "/invocations", &body).await.expect(200);
    for header in ["x-mofang-model", "x-amzn-sagemaker-target-model"] {
        let request = app.post("/invocations").bearer(key).header(header, "ghost");
        let response = request.json(&body).send().await.expect(404);
        assert_eq!(response.json()["error_code"], "RESOURCE_DOES_NOT_EXIST");
        let request = app.post(PATH).bearer(key).header(header, "ghost");
        request.json(&body).send().await.expect(200);
    }
    let app = TestApp::new().await;
    let response = invoke(&app, "/invocations", &body).await.expect(400);
    assert!(
        response.text().contains("http.invocations_model"),
        "{}",
        response.text()
    );
}

#[tokio::test]
async fn wrong_requests_are_refused_with_the_row() {
    let app = TestApp::new().await;
    let wide = vec![json!(0.0); 63];
    for (body, said) in [
        (json!({}), "exactly one of"),
        (json!({ "instances": [], "inputs": [] }), "exactly one of"),
        (json!({ "instances": [] }), "0 examples"),
        (json!({ "instances": vec![json!(0.0); 3] }), "row 0"),
        (
            json!({ "instances": vec![json!(tensor(0)); 257] }),
            "1 to 256",
        ),
        (json!({ "instance": [] }), "did you mean"),
        (json!({ "instances": [tensor(0), [1, 2]] }), "row 1"),
        (
            json!({ "instances": [tensor(0), "%%%"] }),
            "row 1: a text is not the base64",
        ),
        (json!({ "instances": [[true]] }), "true or false"),
        (
            json!({ "instances": [null] }),
            "row 0: null, true or false stands",
        ),
        (json!({ "instances": [vec![1e39; 64]] }), "not finite"),
        (
            json!({ "inputs": { "picture": [tensor(0)] } }),
            "\"image\" is missing",
        ),
        (
            json!({ "inputs": { "image": [tensor(0)], "mask": [tensor(0)] } }),
            "unexpected input \"mask\"",
        ),
        (json!({ "inputs": [] }), "a list for each example"),
        (json!({ "inputs": [1, 2] }), "a list for each example"),
        (json!({ "inputs": [[[]]] }), "a list for each example"),
        (
            json!({ "dataframe_split": { "columns": ["a", "b"], "data": [[1]] } }),
            "row 0: it has 1 values and there are 2 columns",
        ),
        (
            json!({ "dataframe_split": { "data": [[]] } }),
            "row 0: it has no values",
        ),
        (
            json!({ "dataframe_split": { "data": [[1, "a"]] } }),
            "several columns have to be numbers",
        ),
        (
            json!({ "dataframe_split": { "data": [wide] } }),
            "has shape [63]",
        ),
        (
            json!({ "dataframe_records": [{ "a": 1, "b": 2 }] }),
            "dataframe_split",
        ),
        (
            json!({ "instances": [tensor(0)], "params": { "top_k": 0 } }),
            "top_k",
        ),
        (
            json!({ "instances": [tensor(0)], "params": { "temperature": 0 } }),
            "temperature",
        ),
    ] {
        let response = invoke(&app, PATH, &body).await;
        assert_eq!(response.status, 400, "{said}: {}", response.text());
        let error = response.json();
        assert_eq!(error["error_code"], "BAD_REQUEST");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(said), "{said} is not in {message}");
    }
    let key = &app.user(Role::Caller).key;
    let page = app.post(PATH).bearer(key).body("text/html", "1,2,3");
    page.send().await.expect(415);
    // A row is nothing to a model of images.
    let table = app.post(PATH).bearer(key).body("text/csv", "a,b\n1,2\n");
    let refused = table.send().await.expect(400);
    assert!(
        refused.text().contains("a row of a table"),
        "{}",
        refused.text()
    );
    let nobody = app.post(PATH).send().await.expect(401);
    assert_eq!(nobody.json()["error_code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn ping_answers_until_the_server_shuts_down() {
    let app = TestApp::new().await;
    app.get("/ping").send().await.expect(200);
    app.state.begin_shutdown();
    app.get("/ping").send().await.expect(503);
}
