//! Input that must not do harm, and answers that must say why.

use mofang_accounts::{Role, Scope};
use mofang_testing::{TestApp, TestResponse, bomb_png, digit_png};
use mofang_types::WEIGHTS_FILE;
use serde_json::json;

const PATH: &str = "/v1/models/digits/predict";

async fn send(app: &TestApp, media_type: &str, body: Vec<u8>) -> TestResponse {
    let key = &app.user(Role::Caller).key;
    app.post(PATH)
        .bearer(key)
        .body(media_type, body)
        .send()
        .await
}

#[tokio::test]
async fn bad_images_are_refused_with_the_reason() {
    let app = TestApp::new().await;
    let png = digit_png().unwrap();
    for cut in [0, 7, 20, 40, png.len() - 13] {
        let response = send(&app, "image/png", png[..cut].to_vec()).await;
        assert_eq!(response.status, 400, "cut at {cut}: {}", response.text());
        assert_eq!(response.json()["code"], "invalid_input");
    }
    let bomb = send(&app, "image/png", bomb_png().unwrap()).await;
    assert_eq!(bomb.status, 413, "{}", bomb.text());
    assert!(bomb.text().contains("60000 × 60000"), "{}", bomb.text());
    let gif = send(&app, "image/gif", b"GIF89a".to_vec()).await;
    assert_eq!(gif.status, 415, "{}", gif.text());
}

#[tokio::test]
async fn bad_tensors_are_refused_with_the_reason() {
    let app = TestApp::new().await;
    let zeros = vec![0.0; 64];
    for (body, said) in [
        (
            json!({ "inputs": [{ "shape": [3, 8, 8], "data": vec![0.0; 192] }] }).to_string(),
            "[3, 8, 8]",
        ),
        (
            json!({ "inputs": [{ "shape": [1, 8, 8], "data": [1.0] }] }).to_string(),
            "does not have 1 values",
        ),
        (
            json!({ "inputs": [{ "shape": [1, 8, 8], "dtype": "f16", "data": zeros }] })
                .to_string(),
            "f16",
        ),
        (
            json!({ "inputs": [{ "shape": [1, 8, 8], "data": vec![1e300; 64] }] }).to_string(),
            "not finite",
        ),
        (json!({ "inputs": [] }).to_string(), "no input"),
        (
            json!({ "inputs": [{ "shape": [u64::MAX, 2], "data": [] }] }).to_string(),
            "does not have",
        ),
        (
            json!({ "inputs": [{ "shape": [-1], "data": [] }] }).to_string(),
            "invalid JSON",
        ),
        (json!({ "input": [] }).to_string(), "input"),
        (
            json!({ "inputs": [["abc"]] }).to_string(),
            "expected an object with `text`, `row` or `data`",
        ),
        (
            "{\"inputs\": [{\"data\": [NaN]}]}".to_owned(),
            "invalid JSON",
        ),
        (
            "{\"inputs\": [{\"data\": [1e999]}]}".to_owned(),
            "invalid JSON",
        ),
        (
            format!("{{\"inputs\": {}}}", "[".repeat(100_000)),
            "invalid JSON",
        ),
        (String::new(), "invalid JSON"),
    ] {
        let response = send(&app, "application/json", body.into_bytes()).await;
        let text = response.text();
        assert_eq!(response.status, 400, "{said}: {text}");
        assert!(text.contains(said), "{said} is not in {text}");
    }
    let nan: Vec<u8> = [f32::NAN; 64]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let response = send(&app, "application/octet-stream", nan).await;
    assert_eq!(response.status, 400, "{}", response.text());
    let response = send(&app, "application/octet-stream", vec![0; 255]).await;
    assert_eq!(response.status, 400, "{}", response.text());
    let response = send(&app, "multipart/form-data; boundary=x", b"--y".to_vec()).await;
    assert_eq!(response.status, 400, "{}", response.text());
    let response = send(&app, "multipart/form-data", b"--y".to_vec()).await;
    assert_eq!(response.status, 400, "{}", response.text());
}

#[tokio::test]
async fn a_body_of_100_mb_is_refused() {
    let app = TestApp::new().await;
    let response = send(&app, "image/png", vec![0; 100 << 20]).await;
    assert_eq!(response.status, 413);
    assert_eq!(response.json()["code"], "payload_too_large");
    let admin = &app.user(Role::Admin).key;
    let large = app
        .post("/v1/keys")
        .bearer(admin)
        .body("application/json", vec![b' '; 100_000]);
    large.send().await.expect(413);
}

#[tokio::test]
async fn unknown_models_and_strange_paths_are_refused() {
    let app = TestApp::new().await;
    let key = &app.user(Role::Caller).key;
    for (reference, status) in [
        ("ghost", 404),
        ("digits@7", 404),
        ("digits@canary", 404),
        ("digits@0", 400),
        ("Digits", 400),
        ("..%2f..%2fetc%2fpasswd", 400),
        ("digits%00", 400),
        ("%ff", 400),
        ("digits@1@2", 400),
    ] {
        let path = format!("/v1/models/{reference}/predict");
        let response = app
            .post(&path)
            .bearer(key)
            .body("image/png", digit_png().unwrap());
        let response = response.send().await;
        assert_eq!(response.status, status, "{reference}: {}", response.text());
    }
    let suggestion = app
        .post("/v1/models/digit/predict")
        .bearer(key)
        .send()
        .await
        .expect(404);
    assert!(
        suggestion.text().contains("did you mean"),
        "{}",
        suggestion.text()
    );
}

#[tokio::test]
async fn unknown_fields_are_refused_with_a_suggestion() {
    let app = TestApp::new().await;
    let admin = &app.user(Role::Admin).key;
    let body = json!({ "name": "x", "scpoes": ["infer"] });
    let response = app
        .post("/v1/keys")
        .bearer(admin)
        .json(&body)
        .send()
        .await
        .expect(400);
    assert!(
        response.text().contains("did you mean `scopes`?"),
        "{}",
        response.text()
    );
}

#[tokio::test]
async fn malformed_credentials_are_refused() {
    let app = TestApp::new().await;
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer mf_short",
        "Bearer \u{e9}",
    ] {
        let response = app
            .get("/v1/models")
            .header("authorization", value)
            .send()
            .await;
        assert_eq!(response.status, 401, "{value:?}");
    }
}

#[tokio::test]
async fn a_corrupted_artifact_is_quarantined_and_never_answers() {
    let app = TestApp::new().await;
    let reference = "digits@1".parse().unwrap();
    let card = app.registry.card(&reference).await.unwrap();
    let manifest = card.manifest.unwrap();
    let digest = manifest.file(WEIGHTS_FILE).unwrap().digest.to_string();
    let path = find(app.folder.path(), &digest).expect("the weights are in a file of their digest");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();

    let key = app.key(&[Scope::Infer], None).await.unwrap();
    for _ in 0..2 {
        let request = app
            .post(PATH)
            .bearer(&key)
            .body("image/png", digit_png().unwrap());
        let response = request.send().await;
        assert_eq!(response.status, 503, "{}", response.text());
        let problem = response.json();
        assert_eq!(problem["code"], "unavailable");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("quarantined"), "{detail}");
        assert!(
            !detail.contains(app.folder.path().to_str().unwrap()),
            "{detail}"
        );
    }
    let admin = &app.user(Role::Admin).key;
    let card = app
        .get("/v1/models/digits")
        .bearer(admin)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(card["status"], "quarantined");
    let doctor = app
        .get("/v1/doctor")
        .bearer(admin)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(doctor["healthy"], false);
    let log = app
        .get("/v1/audit?subject=digits@1")
        .bearer(admin)
        .send()
        .await
        .expect(200);
    assert!(log.text().contains("quarantine"), "{}", log.text());
}

/// The file below `folder` whose name is or contains the digest.
fn find(folder: &std::path::Path, digest: &str) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    for entry in entries.flatten() {
        let path = entry.path();
        let found = if path.is_dir() {
            find(&path, digest)
        } else {
            let name = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains(digest));
            name.then_some(path)
        };
        if found.is_some() {
            return found;
        }
    }
    None
}
