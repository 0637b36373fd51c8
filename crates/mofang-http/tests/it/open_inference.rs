//! The Open Inference Protocol over REST, in the bytes that its clients send.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use mofang_accounts::{Role, Scope};
use mofang_testing::{TestApp, TestResponse, tiny_draft};
use mofang_types::ENSEMBLE_FILE;
use serde_json::{Value, json};

use crate::usage::figures;

/// The tensor of an example; `shift` makes different ones.
pub(crate) fn example(shift: u8) -> Vec<f32> {
    (0..64_u8)
        .map(|index| f32::from(index.wrapping_add(shift * 7) % 64) / 32.0 - 1.0)
        .collect()
}

pub(crate) fn to_bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// JSON with raw tensors behind it, as the binary tensor extension frames them.
pub(crate) fn framed(json: &Value, tensors: &[u8]) -> (String, Vec<u8>) {
    let mut body = json.to_string().into_bytes();
    let length = body.len().to_string();
    body.extend_from_slice(tensors);
    (length, body)
}

pub(crate) async fn infer(
    app: &TestApp,
    path: &str,
    header_length: Option<&str>,
    body: Vec<u8>,
) -> TestResponse {
    let key = &app.user(Role::Caller).key;
    let mut request = app.post(path).bearer(key);
    if let Some(length) = header_length {
        request = request.header("inference-header-content-length", length);
    }
    // The public client gives this type with tensors and none without; neither is looked at.
    request.body("application/octet-stream", body).send().await
}

/// The JSON of an answer and what stands behind it.
pub(crate) fn parts(response: &TestResponse) -> (Value, Vec<u8>) {
    let length: usize = response
        .header("inference-header-content-length")
        .parse()
        .unwrap_or(response.body.len());
    let (json, tensors) = response.body.split_at(length);
    (serde_json::from_slice(json).unwrap(), tensors.to_vec())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    chunks
        .iter()
        .map(|chunk| f32::from_le_bytes(*chunk))
        .collect()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

const PATH: &str = "/v2/models/digits/infer";

#[tokio::test]
async fn every_form_of_a_tensor_gives_the_same_outputs() {
    let app = TestApp::new().await;
    let values = example(0);
    let rows: Vec<&[f32]> = values.chunks(8).collect();
    let shape = [1, 1, 8, 8];
    let input =
        |data: Value| json!({ "name": "image", "shape": shape, "datatype": "FP32", "data": data });
    let flat = json!({ "id": "a", "inputs": [input(json!(values))] });
    let nested = json!({ "inputs": [input(json!([[rows]]))] });
    let (length, binary) = framed(
        &json!({
            "parameters": { "binary_data_output": true },
            "inputs": [{ "name": "image", "shape": shape, "datatype": "FP32", "parameters": { "binary_data_size": 256 } }],
        }),
        &to_bytes(&values),
    );
    let flat = infer(&app, PATH, None, flat.to_string().into_bytes())
        .await
        .expect(200);
    assert_eq!(
        flat.header("content-type"),
        "application/json; charset=utf-8"
    );
    let (answer, behind) = parts(&flat);
    assert!(behind.is_empty());
    assert_eq!(answer["model_name"], "digits");
    assert_eq!(answer["model_version"], "1");
    assert_eq!(answer["id"], "a");
    let output = &answer["outputs"][0];
    assert_eq!(output["name"], "logits");
    assert_eq!(output["datatype"], "FP32");
    assert_eq!(output["shape"], json!([1, 10]));
    let logits: Vec<f32> = serde_json::from_value(output["data"].clone()).unwrap();

    let nested = infer(&app, PATH, None, nested.to_string().into_bytes())
        .await
        .expect(200);
    assert_eq!(parts(&nested).0["outputs"], answer["outputs"]);

    let binary = infer(&app, PATH, Some(&length), binary).await.expect(200);
    assert_eq!(binary.header("content-type"), "application/octet-stream");
    let (json, behind) = parts(&binary);
    assert_eq!(json["outputs"][0]["parameters"]["binary_data_size"], 40);
    assert!(json["outputs"][0]["data"].is_null());
    assert!(close(&floats(&behind), &logits), "{behind:?}");

    let raw = infer(&app, PATH, Some("0"), to_bytes(&values))
        .await
        .expect(200);
    assert!(close(&floats(&parts(&raw).1), &logits));
}

#[tokio::test]
async fn a_batch_gives_the_rows_that_its_examples_give_alone() {
    let app = TestApp::new().await;
    let mut alone = Vec::new();
    let mut batch = Vec::new();
    for shift in 0..5 {
        let response = infer(&app, PATH, Some("0"), to_bytes(&example(shift)))
            .await
            .expect(200);
        alone.extend(floats(&parts(&response).1));
        batch.extend(to_bytes(&example(shift)));
    }
    let before = app.serving.snapshot().versions[0].clone();
    let together = infer(&app, PATH, Some("0"), batch).await.expect(200);
    let (json, behind) = parts(&together);
    assert_eq!(json["outputs"][0]["shape"], json!([5, 10]));
    assert!(close(&floats(&behind), &alone));
    let after = &app.serving.snapshot().versions[0];
    assert_eq!(after.successes, before.successes + 5);
    // The queue took them as one batch.
    assert_eq!(after.batch_size.count, before.batch_size.count + 1);
}

#[tokio::test]
async fn the_outputs_are_those_that_predict_decodes() {
    let app = TestApp::new().await;
    let key = &app.user(Role::Caller).key;
    let predicted = app
        .post("/v1/models/digits/predict?top_k=1")
        .bearer(key)
        .json(&json!({ "shape": [1, 8, 8], "data": example(3) }))
        .send()
        .await
        .expect(200)
        .json();
    let best = &predicted["predictions"][0]["classes"][0];
    let body = json!({
        "inputs": [{ "name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": example(3) }],
        "outputs": [{ "name": "logits", "parameters": { "classification": 2 } }],
    });
    let answer = infer(&app, PATH, None, body.to_string().into_bytes())
        .await
        .expect(200)
        .json();
    let output = &answer["outputs"][0];
    assert_eq!(output["datatype"], "BYTES");
    assert_eq!(output["shape"], json!([1, 2]));
    let first = output["data"][0].as_str().unwrap();
    let fields: Vec<&str> = first.split(':').collect();
    assert_eq!(fields[1], best["index"].to_string());
    assert_eq!(fields[2], best["label"].as_str().unwrap());
}

#[tokio::test]
async fn other_datatypes_are_converted_where_nothing_is_lost() {
    let app = TestApp::new().await;
    let ask = async |datatype: &str, data: Value| {
        let body = json!({ "inputs": [{ "name": "image", "shape": [1, 1, 8, 8], "datatype": datatype, "data": data }] });
        infer(&app, PATH, None, body.to_string().into_bytes()).await
    };
    let ones = ask("FP32", json!(vec![1.0; 64])).await.expect(200).json();
    for datatype in ["UINT8", "INT8", "INT64", "UINT16", "FP64", "FP16"] {
        let answer = ask(datatype, json!(vec![1; 64])).await.expect(200).json();
        assert_eq!(answer["outputs"], ones["outputs"], "{datatype}");
    }
    let answer = ask("BOOL", json!(vec![true; 64])).await.expect(200).json();
    assert_eq!(answer["outputs"], ones["outputs"]);
    let bytes: Vec<u8> = (0..64).flat_map(|_| 1_i64.to_le_bytes()).collect();
    let (length, body) = framed(
        &json!({ "inputs": [{ "name": "image", "shape": [1, 1, 8, 8], "datatype": "INT64", "parameters": { "binary_data_size": 512 } }] }),
        &bytes,
    );
    let answer = infer(&app, PATH, Some(&length), body).await.expect(200);
    assert_eq!(parts(&answer).0["outputs"], ones["outputs"]);
    for (datatype, value, said) in [
        ("INT64", json!(16_777_217), "cannot hold exactly"),
        ("UINT8", json!(256), "out of the range of UINT8"),
        ("INT32", json!(0.5), "fraction"),
        ("FP32", json!(true), "true or false"),
        ("BYTES", json!(1), "BYTES"),
        ("FP31", json!(1), "did you mean"),
    ] {
        let mut data = vec![json!(0); 63];
        data.push(value);
        let response = ask(datatype, json!(data)).await;
        assert_eq!(response.status, 400, "{datatype}: {}", response.text());
        assert!(response.text().contains(said), "{}", response.text());
    }
}

#[tokio::test]
async fn a_model_is_named_in_every_way_that_clients_name_it() {
    let app = TestApp::new().await;
    app.publish("digits", 1).await.unwrap();
    for (path, version) in [
        ("/v2/models/digits/infer", "2"),
        ("/v2/models/digits@production/infer", "1"),
        ("/v2/models/digits%40production/infer", "1"),
        ("/v2/models/digits:2/infer", "2"),
        ("/v2/models/digits/versions/1/infer", "1"),
        ("/v2/models/digits/versions/production/infer", "1"),
    ] {
        let response = infer(&app, path, Some("0"), to_bytes(&example(0))).await;
        let (json, _) = parts(&response.expect(200));
        assert_eq!(json["model_version"], version, "{path}");
    }
    for (path, status) in [
        ("/v2/models/ghost/infer", 404),
        ("/v2/models/digits/versions/9/infer", 404),
        ("/v2/models/digits/versions/0/infer", 400),
        ("/v2/models/digits@1/versions/1/infer", 400),
        ("/v2/models/..%2f..%2fetc/infer", 400),
    ] {
        let response = infer(&app, path, Some("0"), to_bytes(&example(0))).await;
        assert_eq!(response.status, status, "{path}: {}", response.text());
        assert!(response.json()["error"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn metadata_and_configuration_describe_the_signature() {
    let app = TestApp::new().await;
    let key = app.key(&[Scope::Infer], None).await.unwrap();
    let get = async |path: &str| app.get(path).bearer(&key).send().await.expect(200).json();
    let server = get("/v2").await;
    assert_eq!(server["name"], "mofang");
    assert!(
        server["extensions"]
            .as_array()
            .unwrap()
            .contains(&json!("binary_tensor_data"))
    );
    let model = get("/v2/models/digits").await;
    assert_eq!(
        model,
        json!({
            "name": "digits",
            "versions": ["1"],
            "platform": "mofang_safetensors",
            "inputs": [{ "name": "image", "datatype": "FP32", "shape": [-1, 1, 8, 8] }],
            "outputs": [{ "name": "logits", "datatype": "FP32", "shape": [-1, 10] }],
        })
    );
    assert_eq!(get("/v2/models/digits/versions/1").await, model);
    let config = get("/v2/models/digits/config").await;
    assert_eq!(config["max_batch_size"], 256);
    assert_eq!(
        config["input"],
        json!([{ "name": "image", "data_type": "TYPE_FP32", "dims": [1, 8, 8] }])
    );
    assert_eq!(get("/v2/models/digits/versions/1/config").await, config);
    // Looking at a model does not load it.
    assert_eq!(app.serving.snapshot().loaded_versions, 0);
}

#[tokio::test]
async fn the_platform_of_trees_is_told() {
    let app = TestApp::new().await;
    let mut draft = tiny_draft(1).unwrap();
    // Only the file's name is looked at.
    draft.files = [(ENSEMBLE_FILE.to_owned(), b"{}".to_vec())].into();
    app.publish_package("trees", draft).await.unwrap();
    let key = app.key(&[Scope::Infer], None).await.unwrap();
    for path in ["/v2/models/trees", "/v2/models/trees/config"] {
        let answer = app.get(path).bearer(&key).send().await.expect(200).json();
        assert_eq!(answer["platform"], "mofang_trees", "{path}");
    }
}

#[tokio::test]
async fn statistics_tell_requests_examples_and_batches_apart() {
    let app = TestApp::new().await;
    let batch: Vec<u8> = (0..3).flat_map(|shift| to_bytes(&example(shift))).collect();
    infer(&app, PATH, Some("0"), batch).await.expect(200);
    infer(&app, PATH, Some("0"), to_bytes(&[f32::NAN; 64]))
        .await
        .expect(400);
    let viewer = &app.user(Role::Viewer).token;
    for path in [
        "/v2/models/digits/stats",
        "/v2/models/digits/versions/1/stats",
        "/v2/models/stats",
    ] {
        let stats = app.get(path).bearer(viewer).send().await.expect(200).json();
        let model = &stats["model_stats"][0];
        assert_eq!(model["name"], "digits");
        assert_eq!(model["version"], "1");
        assert_eq!(model["inference_count"], 3);
        assert_eq!(model["execution_count"], 1);
        assert_eq!(model["inference_stats"]["success"]["count"], 1);
        assert_eq!(model["inference_stats"]["fail"]["count"], 1);
        assert!(
            model["inference_stats"]["compute_infer"]["ns"]
                .as_u64()
                .unwrap()
                > 0
        );
        assert!(model["last_inference"].as_u64().unwrap() > 1_600_000_000_000);
    }
}

#[tokio::test]
async fn an_unloaded_model_is_not_ready_and_refused_everywhere() {
    let app = TestApp::new().await;
    let editor = &app.user(Role::Editor).key;
    let get = async |path: &str| app.get(path).bearer(editor).send().await;
    let post = async |path: &str, body: &'static str| {
        app.post(path)
            .bearer(editor)
            .body("application/json", body)
            .send()
            .await
    };
    assert_eq!(
        get("/v2/models/digits/ready").await.expect(200).json(),
        json!({ "name": "digits", "ready": true })
    );
    post("/v2/repository/models/digits@1/load", "")
        .await
        .expect(200);
    assert_eq!(app.serving.snapshot().loaded_versions, 1);
    post(
        "/v2/repository/models/digits/unload",
        "{\"parameters\": {\"unload_dependents\": false}}",
    )
    .await
    .expect(200);
    assert_eq!(app.serving.snapshot().loaded_versions, 0);
    let ready = get("/v2/models/digits/ready").await.expect(400);
    assert!(
        ready.json()["error"].as_str().unwrap().contains("unloaded"),
        "{}",
        ready.text()
    );
    get("/v2/models/ghost/ready").await.expect(404);
    let index = post("/v2/repository/index", "").await.expect(200).json();
    assert_eq!(index[0]["state"], "UNAVAILABLE");
    let index = post("/v2/repository/index", "{\"ready\": true}")
        .await
        .expect(200)
        .json();
    assert_eq!(index, json!([]));
    let refused = infer(&app, PATH, Some("0"), to_bytes(&example(0)))
        .await
        .expect(503);
    assert!(refused.text().contains("load it"), "{}", refused.text());
    let ours = app
        .post("/v1/models/digits/predict")
        .bearer(editor)
        .json(&json!({ "shape": [1, 8, 8], "data": example(0) }));
    ours.send().await.expect(503);
    post("/v2/repository/models/digits/load", "{}")
        .await
        .expect(200);
    get("/v2/models/digits/versions/1/ready").await.expect(200);
    let index = post("/v2/repository/index", "{\"ready\": true}")
        .await
        .expect(200)
        .json();
    assert_eq!(
        index,
        json!([{ "name": "digits", "version": "1", "state": "READY", "reason": "" }])
    );
    infer(&app, PATH, Some("0"), to_bytes(&example(0)))
        .await
        .expect(200);
    post("/v2/repository/models/digits@1/unload", "")
        .await
        .expect(400);
    post("/v2/repository/models/ghost/unload", "")
        .await
        .expect(404);
    let config = post(
        "/v2/repository/models/digits/load",
        "{\"parameters\": {\"config\": \"{}\"}}",
    )
    .await
    .expect(501);
    assert!(config.text().contains("publishing"), "{}", config.text());
}

#[tokio::test]
async fn what_is_not_implemented_says_why() {
    let app = TestApp::new().await;
    let key = &app.user(Role::Admin).key;
    for (path, said) in [
        ("/v2/systemsharedmemory/status", "shared memory"),
        ("/v2/cudasharedmemory/region/a/register", "shared memory"),
        ("/v2/logging", "log.filter"),
        ("/v2/trace/setting", "X-Request-Id"),
        ("/v2/models/digits/trace/setting", "X-Request-Id"),
        ("/v2/models/digits/generate", "/infer"),
    ] {
        let response = app.post(path).bearer(key).send().await.expect(501);
        assert!(
            response.json()["error"].as_str().unwrap().contains(said),
            "{}",
            response.text()
        );
    }
    let unknown = app.get("/v2/nowhere").bearer(key).send().await.expect(404);
    assert!(unknown.json()["error"].is_string());
    let body = |parameters: Value, outputs: Value| {
        json!({
            "parameters": parameters,
            "inputs": [{ "name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": example(0) }],
            "outputs": outputs,
        })
    };
    for (body, said) in [
        (body(json!({ "sequence_id": 7 }), json!([])), "sequence"),
        (
            body(
                json!({}),
                json!([{ "name": "logits", "parameters": { "shared_memory_region": "a" } }]),
            ),
            "shared memory",
        ),
    ] {
        let response = infer(&app, PATH, None, body.to_string().into_bytes())
            .await
            .expect(501);
        assert!(response.text().contains(said), "{}", response.text());
    }
    // A sequence id of zero is no sequence.
    let none = body(json!({ "sequence_id": 0, "priority": 1 }), json!([]));
    infer(&app, PATH, None, none.to_string().into_bytes())
        .await
        .expect(200);
}

#[tokio::test]
async fn quotas_deadlines_and_metering_are_those_of_every_route() {
    let app = TestApp::new().await;
    let caller = app.user(Role::Caller);
    let batch: Vec<u8> = (0..2).flat_map(|shift| to_bytes(&example(shift))).collect();
    infer(&app, PATH, Some("0"), batch).await.expect(200);
    infer(&app, PATH, Some("0"), to_bytes(&[f32::INFINITY; 64]))
        .await
        .expect(400);
    figures(&app, "digits", [2, 3, 1]).await;
    let late = app
        .post(PATH)
        .bearer(&caller.key)
        .header("x-request-timeout-ms", "0")
        .header("inference-header-content-length", "0")
        .body("application/octet-stream", to_bytes(&example(0)));
    late.send().await.expect(400);
    // The protocol's own way to say it, in microseconds.
    let hurried = json!({
        "parameters": { "timeout": 1 },
        "inputs": [{ "name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": example(0) }],
    });
    let response = infer(&app, PATH, None, hurried.to_string().into_bytes()).await;
    response.expect(504);
    let refused = app.post(PATH).send().await.expect(401);
    assert!(refused.json()["error"].is_string());
    assert!(!refused.header("www-authenticate").is_empty());
}
