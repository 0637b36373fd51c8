//! Files of PyTorch over HTTP.

use mofang_accounts::Role;
use mofang_testing::{TestApp, TestAppBuilder, TestResponse};
use serde_json::json;

/// A network of torchvision's class VGG, saved whole.
const FILE: &[u8] = include_bytes!("../../../mofang-import/tests/files/vgg.pth");

const PATH: &str = "/v1/models/shapes/versions";

const OPTIONS: &str = r#"{"image_shape": [3, 40, 48], "labels": ["a", "b", "c", "d", "e"]}"#;

const BOUNDARY: &str = "the-boundary";

/// A form of fields: name, file name, contents.
fn form(fields: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file_name, contents) in fields {
        let file_name = file_name.map(|name| format!("; filename=\"{name}\""));
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{}\r\n\r\n",
            file_name.unwrap_or_default()
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(contents);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

async fn send(app: &TestApp, body: Vec<u8>) -> TestResponse {
    app.post(PATH)
        .bearer(&app.user(Role::Editor).key)
        .body(&format!("multipart/form-data; boundary={BOUNDARY}"), body)
        .send()
        .await
}

#[tokio::test]
async fn a_file_becomes_a_version_that_answers() {
    let app = TestApp::new().await;
    let body = form(&[
        ("options", None, OPTIONS.as_bytes()),
        ("aliases", None, b"production, canary"),
        ("note", None, b"from the archive"),
        ("file", Some("../../vgg.pth"), FILE),
    ]);
    let answer = send(&app, body).await.expect(201).json();
    assert_eq!(answer["version"]["model"], "shapes");
    assert_eq!(answer["version"]["version"], 1);
    assert_eq!(answer["version"]["note"], "from the archive");
    assert_eq!(answer["report"]["architecture"]["name"], "sequential");
    let warnings = answer["report"]["warnings"].to_string();
    assert!(warnings.contains("licence"), "{warnings}");

    let editor = &app.user(Role::Editor).key;
    let card = app
        .get("/v1/models/shapes@canary")
        .bearer(editor)
        .send()
        .await;
    let card = card.expect(200).json();
    // Folders of the caller's machine are nobody's business.
    let sources = card["manifest"]["provenance"]["source_files"].as_object();
    assert!(sources.unwrap().contains_key("vgg.pth"));

    let image = vec![0.5_f32; 3 * 40 * 48];
    let predicted = app
        .post("/v1/models/shapes@production/predict")
        .bearer(editor)
        .json(&json!({ "shape": [3, 40, 48], "data": image }))
        .send()
        .await
        .expect(200)
        .json();
    let label = predicted["predictions"][0]["classes"][0]["label"].as_str();
    assert!(["a", "b", "c", "d", "e"].contains(&label.unwrap()));
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_and_leaves_nothing() {
    let app = TestApp::new().await;
    let file = ("file", Some("vgg.pth"), FILE);
    // `torch.load` would call os.system here.
    let mut hostile = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
    hostile.extend(b"\x80\x02}.\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.");
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (form(&[]), "no field file"),
        (
            form(&[("options", None, OPTIONS.as_bytes())]),
            "no field file",
        ),
        (form(&[file, file]), "more than one file"),
        (
            form(&[file, ("label", None, b"x")]),
            "none of file, options",
        ),
        (
            form(&[("options", None, b"{\"lables\": []}"), file]),
            "labels",
        ),
        (
            form(&[("options", None, b"{\"preset\": \"x\"}"), file]),
            "imagenet",
        ),
        (form(&[("aliases", None, b"a b"), file]), "alias"),
        (form(&[("file", Some("m.pth"), &hostile)]), "posix.system"),
        (
            form(&[("file", Some("m.pth"), &FILE[..FILE.len() / 2])]),
            "damaged",
        ),
        (
            form(&[("file", Some("m.onnx"), b"\x08\x07\x12\x07pytorch")]),
            "looks like ONNX",
        ),
        (b"--other".to_vec(), "invalid form"),
    ];
    for (body, said) in cases {
        let response = send(&app, body).await;
        let text = response.text();
        assert_eq!(response.status, 400, "{said}: {text}");
        assert!(text.contains(said), "{said} is not in {text}");
    }
    let editor = &app.user(Role::Editor).key;
    let json = app.post(PATH).bearer(editor).json(&json!({})).send().await;
    assert_eq!(json.status, 415);
    app.get("/v1/models/shapes")
        .bearer(editor)
        .send()
        .await
        .expect(404);
}

#[tokio::test]
async fn a_file_of_many_megabytes_is_read() {
    let app = TestApp::new().await;
    let mut bytes = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
    bytes.extend(b"\x80\x02}.\x80\x02}.\x80\x02].");
    bytes.resize(5 << 20, 0);
    let response = send(&app, form(&[("file", Some("m.pth"), &bytes)])).await;
    // It came through whole and was read: an empty dictionary has no weights.
    assert_eq!(response.status, 400);
    let text = response.text();
    assert!(text.contains("it holds no weights"), "{text}");
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused() {
    let mut builder = TestAppBuilder::default();
    builder.http.import_limit_bytes = FILE.len();
    let app = builder.build().await.unwrap();
    let body = form(&[("file", Some("vgg.pth"), FILE)]);
    assert_eq!(send(&app, body).await.status, 413);
}
