//! Predictions in every form of input.

use mofang_accounts::{Role, Scope};
use mofang_testing::{TestApp, TestResponse, digit_png};
use serde_json::{Value, json};

use crate::usage::figures;

const PATH: &str = "/v1/models/digits@production/predict";

fn tensor() -> Vec<f32> {
    (0..64_u8)
        .map(|index| f32::from(index) / 32.0 - 1.0)
        .collect()
}

fn classes(response: &TestResponse, index: usize) -> Vec<Value> {
    response.json()["predictions"][index]["classes"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", response.text()))
        .clone()
}

#[tokio::test]
async fn one_tensor_in_each_form_gives_the_same_answer() {
    let app = TestApp::new().await;
    let key = app.key(&[Scope::Infer], None).await.unwrap();
    let post = |path: &str| app.post(path).bearer(&key);
    let flat = json!({ "inputs": [{ "shape": [1, 8, 8], "data": tensor() }], "top_k": 10 });
    let values = tensor();
    let nested: Vec<&[f32]> = values.chunks(8).collect();
    let nested = json!({ "inputs": [{ "data": [nested] }], "top_k": 10 });
    let single = json!({ "shape": [1, 8, 8], "dtype": "f32", "data": tensor() });
    let raw: Vec<u8> = tensor()
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let top_ten = format!("{PATH}?top_k=10");
    let answers = [
        post(PATH).json(&flat).send().await.expect(200),
        post(PATH).json(&nested).send().await.expect(200),
        post(&top_ten).json(&single).send().await.expect(200),
        post(&top_ten)
            .body("application/octet-stream", raw)
            .send()
            .await
            .expect(200),
    ];
    let first = classes(&answers[0], 0);
    assert_eq!(first.len(), 10);
    let total: f64 = first
        .iter()
        .map(|class| class["probability"].as_f64().unwrap())
        .sum();
    assert!((total - 1.0).abs() < 1e-5, "{total}");
    for answer in &answers {
        assert_eq!(classes(answer, 0), first);
        assert_eq!(answer.json()["model"], "digits");
        assert_eq!(answer.json()["version"], 1);
    }
}

#[tokio::test]
async fn images_come_raw_or_in_a_form() {
    let app = TestApp::new().await;
    let key = app.key(&[Scope::Infer], None).await.unwrap();
    let png = digit_png().unwrap();
    let raw = app.post(PATH).bearer(&key).body("image/png", png.clone());
    let raw = raw.send().await.expect(200);
    // The package's own top_k.
    assert_eq!(classes(&raw, 0).len(), 3);

    let mut form = Vec::new();
    form.extend(b"--x\r\ncontent-disposition: form-data; name=\"top_k\"\r\n\r\n2\r\n");
    // Photographs have some megabytes.
    let photograph = vec![7; 3 << 20];
    for file in [png.as_slice(), photograph.as_slice(), png.as_slice()] {
        form.extend(
            b"--x\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n",
        );
        form.extend(file);
        form.extend(b"\r\n");
    }
    form.extend(b"--x--\r\n");
    let request = app
        .post(PATH)
        .bearer(&key)
        .body("multipart/form-data; boundary=x", form);
    let answer = request.send().await.expect(200);
    let predictions = answer.json()["predictions"].as_array().unwrap().clone();
    assert_eq!(predictions.len(), 3);
    assert_eq!(classes(&answer, 0), classes(&raw, 0)[..2]);
    assert_eq!(classes(&answer, 2), classes(&answer, 0));
    // The bad one fails alone, in its place.
    assert_eq!(predictions[1]["error"]["code"], "invalid_input");
    assert!(predictions[1]["classes"].is_null());
}

#[tokio::test]
async fn rel_17_a_bad_tensor_fails_alone() {
    let app = TestApp::new().await;
    let key = app.key(&[Scope::Infer], None).await.unwrap();
    let good = json!({ "shape": [1, 8, 8], "data": tensor() });
    let alone = json!({ "inputs": [good] });
    let alone = app
        .post(PATH)
        .bearer(&key)
        .json(&alone)
        .send()
        .await
        .expect(200);
    let mixed = json!({ "inputs": [
        good,
        { "shape": [1, 8, 7], "data": vec![0.0; 56] },
        { "shape": [1, 8, 8], "data": vec![1e39; 64] },
        good,
    ] });
    let answer = app
        .post(PATH)
        .bearer(&key)
        .json(&mixed)
        .send()
        .await
        .expect(200);
    assert_eq!(classes(&answer, 0), classes(&alone, 0));
    assert_eq!(classes(&answer, 3), classes(&alone, 0));
    for index in [1, 2] {
        let error = &answer.json()["predictions"][index]["error"];
        assert_eq!(error["code"], "invalid_input", "{error}");
    }
}

#[tokio::test]
async fn moving_an_alias_moves_the_traffic() {
    let app = TestApp::new().await;
    app.publish("digits", 1).await.unwrap();
    let editor = &app.user(Role::Editor).key;
    let image = digit_png().unwrap();
    for version in [1, 2, 1] {
        let body = json!({ "version": version });
        let alias = app
            .put("/v1/models/digits/aliases/production")
            .bearer(editor);
        alias.json(&body).send().await.expect(200);
        let request = app
            .post(PATH)
            .bearer(editor)
            .body("image/png", image.clone());
        assert_eq!(request.send().await.expect(200).json()["version"], version);
    }
}

#[tokio::test]
async fn use_is_counted_by_key_and_version() {
    let app = TestApp::new().await;
    let caller = app.user(Role::Caller);
    let body = json!({ "inputs": [
        { "shape": [1, 8, 8], "data": tensor() },
        { "shape": [2], "data": [0, 0] },
    ] });
    for _ in 0..3 {
        app.post(PATH)
            .bearer(&caller.key)
            .json(&body)
            .send()
            .await
            .expect(200);
    }
    let metrics = figures(&app, "digits", [3, 6, 3]).await;
    let answered = "mofang_serving_successes_total{model=\"digits\",version=\"1\"} 3";
    assert!(metrics.lines().any(|line| line == answered), "{metrics}");
    assert!(!metrics.contains(&caller.key), "a key is in the figures");
}
