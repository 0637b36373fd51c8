//! Bodies of the Open Inference Protocol that are not what they say (SEC-42).

use mofang_accounts::Role;
use mofang_testing::{TestApp, TestAppBuilder};
use serde_json::{Value, json};

use crate::open_inference::{example, framed, infer, to_bytes};

const PATH: &str = "/v2/models/digits/infer";

fn one(shape: Value, datatype: &str, size: Value) -> Value {
    let parameters = Value::Object(serde_json::Map::from_iter([(
        "binary_data_size".to_owned(),
        size,
    )]));
    let mut input = json!({ "name": "image", "datatype": datatype, "parameters": parameters });
    input["shape"] = shape;
    json!({ "inputs": [input] })
}

async fn refused(app: &TestApp, length: Option<&str>, body: Vec<u8>, said: &str) {
    let response = infer(app, PATH, length, body).await;
    let text = response.text();
    assert_eq!(response.status, 400, "{said}: {text}");
    let error = response.json()["error"].as_str().map(str::to_owned);
    assert!(
        error.is_some_and(|error| error.contains(said)),
        "{said} is not in {text}"
    );
}

#[tokio::test]
async fn sec_42_header_lengths_that_lie_are_refused() {
    let app = TestApp::new().await;
    let (length, body) = framed(
        &one(json!([1, 1, 8, 8]), "FP32", json!(256)),
        &to_bytes(&example(0)),
    );
    infer(&app, PATH, Some(&length), body.clone())
        .await
        .expect(200);
    let beyond = (body.len() + 1).to_string();
    refused(&app, Some(&beyond), body.clone(), "bytes only").await;
    for strange in [
        "-1",
        "+5",
        "1e3",
        "0x10",
        "99999999999999999999999999",
        "five",
        "",
    ] {
        refused(&app, Some(strange), body.clone(), "number of bytes").await;
    }
    // The JSON is cut in its middle, or takes a part of the tensor with it.
    refused(&app, Some("10"), body.clone(), "invalid JSON").await;
    let longer = (length.parse::<usize>().unwrap() + 8).to_string();
    refused(&app, Some(&longer), body.clone(), "invalid JSON").await;
    // Without the header the tensor is a part of the JSON.
    refused(&app, None, body, "invalid JSON").await;
}

#[tokio::test]
async fn sec_42_tensor_sizes_that_lie_are_refused() {
    let app = TestApp::new().await;
    let tensor = to_bytes(&example(0));
    let shape = json!([1, 1, 8, 8]);
    for (size, tensor, said) in [
        (json!(255), &tensor[..], "256 bytes belong"),
        (json!(512), &tensor[..], "256 bytes belong"),
        (json!(256), &tensor[..252], "252 bytes are left"),
        (json!(256), &[], "0 bytes are left"),
        (json!(-256), &tensor[..], "whole number"),
        (json!(256.5), &tensor[..], "whole number"),
        (json!("256"), &tensor[..], "whole number"),
        (json!(u64::MAX), &tensor[..], "256 bytes belong"),
    ] {
        let (length, body) = framed(&one(shape.clone(), "FP32", size), tensor);
        refused(&app, Some(&length), body, said).await;
    }
    let mut longer = tensor.clone();
    longer.extend([0; 4]);
    let (length, body) = framed(&one(shape.clone(), "FP32", json!(256)), &longer);
    refused(&app, Some(&length), body, "4 bytes are left behind").await;
    // A size for UINT8 with the bytes of FP32.
    let (length, body) = framed(&one(shape.clone(), "UINT8", json!(256)), &tensor);
    refused(&app, Some(&length), body, "64 bytes belong").await;
    let both = json!({ "inputs": [{ "name": "image", "shape": shape, "datatype": "FP32", "data": example(0), "parameters": { "binary_data_size": 256 } }] });
    let (length, body) = framed(&both, &tensor);
    refused(&app, Some(&length), body, "send one of them").await;
    let neither = json!({ "inputs": [{ "name": "image", "shape": shape, "datatype": "FP32" }] });
    refused(&app, None, neither.to_string().into_bytes(), "no data").await;
    for bytes in [0, 1, 255, 257, 300] {
        refused(&app, Some("0"), vec![0; bytes], "256 bytes of FP32").await;
    }
}

#[tokio::test]
async fn sec_42_shapes_that_lie_are_refused() {
    let app = TestApp::new().await;
    let tensor = to_bytes(&example(0));
    for (shape, size, said) in [
        (json!([-1, 1, 8, 8]), json!(256), "negative"),
        (json!([1, 1, -8, -8]), json!(256), "negative"),
        (
            json!([4_611_686_018_427_387_904_i64, 1, 8, 8]),
            json!(256),
            "more elements than can be counted",
        ),
        (
            json!([4_294_967_296_i64, 4_294_967_296_i64, 8, 8]),
            json!(0),
            "more elements than can be counted",
        ),
        (json!([1, 1, 8, 8, 1]), json!(256), "[batch, 1, 8, 8]"),
        (json!([1, 8, 8]), json!(256), "[batch, 1, 8, 8]"),
        (json!([64]), json!(256), "[batch, 1, 8, 8]"),
        (json!([1, 1.5, 8, 8]), json!(256), "invalid JSON"),
        (json!([1e300, 1, 8, 8]), json!(256), "invalid JSON"),
        (json!("1"), json!(256), "invalid JSON"),
    ] {
        let (length, body) = framed(&one(shape, "FP32", size), &tensor);
        refused(&app, Some(&length), body, said).await;
    }
    let (length, body) = framed(&one(json!([0, 1, 8, 8]), "FP32", json!(0)), &[]);
    refused(&app, Some(&length), body, "no elements").await;
    let (length, body) = framed(&one(json!([]), "FP32", json!(4)), &[0; 4]);
    refused(&app, Some(&length), body, "expected [batch, 1, 8, 8]").await;
    let many = to_bytes(&vec![0.0; 64 * 257]);
    refused(&app, Some("0"), many, "at most 256").await;
}

#[tokio::test]
async fn wrong_tensors_are_refused_by_name() {
    let app = TestApp::new().await;
    let tensor = |name: &str| json!({ "name": name, "shape": [1, 1, 8, 8], "datatype": "FP32", "data": example(0) });
    let with = |inputs: Value, outputs: Value| {
        json!({ "inputs": inputs, "outputs": outputs })
            .to_string()
            .into_bytes()
    };
    let good = || json!([tensor("image")]);
    let none = json!(null);
    for (body, said) in [
        (with(json!([]), none.clone()), "\"image\" is missing"),
        (with(json!([tensor("picture")]), none.clone()), "unexpected input \"picture\"; the model has the input \"image\""),
        (with(json!([tensor("image"), tensor("mask")]), none.clone()), "unexpected input \"mask\""),
        (with(json!([tensor("image"), tensor("image")]), none.clone()), "twice"),
        (with(good(), json!([{ "name": "probabilities" }])), "unexpected output \"probabilities\"; the model has the output \"logits\""),
        (with(good(), json!([{ "name": "logits" }, { "name": "logits" }])), "twice"),
        (with(good(), json!([{ "name": "logits", "parameters": { "classification": 0 } }])), "at least 1"),
        (with(good(), json!([{ "name": "logits", "parameters": { "binary_data": "yes" } }])), "true or false"),
        (b"{\"inputs\": [{\"name\": \"image\", \"shape\": [1], \"datatype\": \"FP32\", \"data\": [NaN]}]}".to_vec(), "invalid JSON"),
        (b"{\"inputs\": [{\"name\": \"image\", \"shape\": [1], \"datatype\": \"FP32\", \"data\": [\"1\"]}]}".to_vec(), "a text stands"),
        (b"{\"inputs\": [{\"name\": \"image\"}]}".to_vec(), "missing field"),
        (b"{}".to_vec(), "inputs"),
        (b"[]".to_vec(), "invalid JSON"),
        (Vec::new(), "invalid JSON"),
        (format!("{{\"inputs\": [{{\"data\": {}", "[".repeat(100_000)).into_bytes(), "invalid JSON"),
        (json!({ "inputs": [{ "name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [1, 2] }] }).to_string().into_bytes(), "64 elements, the data have 2"),
        (json!({ "inputs": [{ "name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [[1, 2], [3, 4]] }] }).to_string().into_bytes(), "nested as [2, 2]"),
        (json!({ "inputs": [{ "name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": vec![1e39; 64] }] }).to_string().into_bytes(), "not finite"),
    ] {
        refused(&app, None, body, said).await;
    }
    refused(&app, Some("0"), to_bytes(&[f32::NAN; 64]), "not finite").await;
}

#[tokio::test]
async fn large_and_compressed_bodies_are_refused() {
    let mut builder = TestAppBuilder::default();
    builder.http.body_limit_bytes = 1 << 20;
    let app = builder.build().await.unwrap();
    infer(&app, PATH, Some("0"), vec![0; (1 << 20) + 1])
        .await
        .expect(413);
    let compressed = app
        .post(PATH)
        .bearer(&app.user(Role::Caller).key)
        .header("content-encoding", "gzip")
        .body("application/octet-stream", vec![0x1f, 0x8b, 0, 0]);
    let response = compressed.send().await.expect(415);
    assert!(
        response.text().contains("Content-Encoding"),
        "{}",
        response.text()
    );
    let index = app
        .post("/v2/repository/index")
        .bearer(&app.user(Role::Viewer).token)
        .body("application/json", vec![b' '; 100_000]);
    index.send().await.expect(413);
}
