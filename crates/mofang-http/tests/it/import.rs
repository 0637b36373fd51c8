//! Files of other tools over HTTP.

use mofang_accounts::Role;
use mofang_grpc::inference::ModelInferRequest;
use mofang_grpc::inference::grpc_inference_service_client::GrpcInferenceServiceClient;
use mofang_grpc::inference::model_infer_request::InferInputTensor;
use mofang_grpc::tonic::Request;
use mofang_onnx::testing::{TinyClassifier, model_of};
use mofang_testing::{TestApp, TestAppBuilder, TestResponse};
use serde_json::json;

use crate::open_inference::to_bytes;

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

/// A graph keeps its own names, over REST and over gRPC.
#[tokio::test]
async fn an_onnx_model_is_served_by_every_protocol() {
    let app = TestApp::new().await;
    let model = TinyClassifier::default().build();
    let options = br#"{"labels": ["dark", "grey", "light"], "preset": "plain"}"#;
    let body = form(&[
        ("options", None, options),
        ("file", Some("model.onnx"), &model),
    ]);
    let answer = send(&app, body).await.expect(201).json();
    assert_eq!(answer["report"]["format"], "onnx");
    assert_eq!(
        answer["report"]["architecture"]["config"]["input"],
        "pixels"
    );

    let key = &app.user(Role::Editor).key;
    let dark = vec![-1.0_f32; 64];
    let predicted = app
        .post("/v1/models/shapes/predict")
        .bearer(key)
        .json(&json!({ "shape": [1, 8, 8], "data": dark }))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(predicted["predictions"][0]["classes"][0]["label"], "dark");

    let inputs = json!([{
        "name": "pixels", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": dark,
    }]);
    let inferred = app
        .post("/v2/models/shapes/infer")
        .bearer(key)
        .json(&json!({ "inputs": inputs }))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(inferred["outputs"][0]["name"], "scores");
    let metadata = app.get("/v2/models/shapes").bearer(key).send().await;
    assert_eq!(metadata.expect(200).json()["platform"], "mofang_onnx");
    assert_eq!(inferred["outputs"][0]["data"], json!([1.0, 0.25, -1.0]));

    let mut client = GrpcInferenceServiceClient::new(mofang_http::grpc_app(&app.state));
    let mut request = Request::new(ModelInferRequest {
        model_name: "shapes".to_owned(),
        inputs: vec![InferInputTensor {
            name: "pixels".to_owned(),
            datatype: "FP32".to_owned(),
            shape: vec![1, 1, 8, 8],
            ..InferInputTensor::default()
        }],
        raw_input_contents: vec![to_bytes(&dark).into()],
        ..ModelInferRequest::default()
    });
    let bearer = format!("Bearer {key}").parse().unwrap();
    request.metadata_mut().insert("authorization", bearer);
    let answer = client.model_infer(request).await.unwrap().into_inner();
    assert_eq!(answer.outputs[0].name, "scores");
    assert_eq!(answer.raw_output_contents[0], to_bytes(&[1.0, 0.25, -1.0]));
}

#[tokio::test]
async fn a_model_of_tensors_is_served_as_it_is() {
    let app = TestApp::new().await;
    let model = model_of(&[("Relu", &["x"], "y")], &[0, 2, 2], &[0, 2, 2]);
    let body = form(&[
        ("options", None, br#"{"task": "tensor"}"#),
        ("file", Some("model.onnx"), &model),
    ]);
    send(&app, body).await.expect(201);
    let key = &app.user(Role::Editor).key;
    let predicted = app
        .post("/v1/models/shapes/predict")
        .bearer(key)
        .json(&json!({ "shape": [2, 2], "data": [-1.0, 2.0, -3.0, 4.0] }))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        predicted["predictions"][0]["values"],
        json!([0.0, 2.0, 0.0, 4.0])
    );
    let inputs = json!([{
        "name": "x", "datatype": "FP32", "shape": [1, 2, 2], "data": [-1.0, 2.0, -3.0, 4.0],
    }]);
    let inferred = app
        .post("/v2/models/shapes/infer")
        .bearer(key)
        .json(&json!({ "inputs": inputs }))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(inferred["outputs"][0]["shape"], json!([1, 2, 2]));
    assert_eq!(inferred["outputs"][0]["data"], json!([0.0, 2.0, 0.0, 4.0]));
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
            "it has no graph",
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
