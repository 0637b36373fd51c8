//! What is said in recordings, in every form in which it is told.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use mofang_accounts::{Role, Scope};
use mofang_testing::{TestApp, TestRequest, TestResponse, tiny_speech_draft, tone_wav};
use serde_json::{Value, json};

use crate::usage::figures;

const TRANSCRIPTIONS: &str = "/openai/v1/audio/transcriptions";

/// An application with the model `speech@1`, which hears a 7 in every recording of up to a second.
async fn app() -> TestApp {
    let app = TestApp::new().await;
    let draft = tiny_speech_draft(1).unwrap();
    app.publish_package("speech", draft).await.unwrap();
    app
}

/// A form with these fields and, last, a file.
fn form(fields: &[(&str, &str)], file: Option<&[u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head = format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend(head.into_bytes());
        body.extend(value.as_bytes());
        body.extend(b"\r\n");
    }
    if let Some(file) = file {
        body.extend(
            b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
              content-type: application/octet-stream\r\n\r\n",
        );
        body.extend(file);
        body.extend(b"\r\n");
    }
    body.extend(b"--x--\r\n");
    body
}

fn request(app: &TestApp, body: Vec<u8>) -> TestRequest {
    app.post(TRANSCRIPTIONS)
        .body("multipart/form-data; boundary=x", body)
}

/// The answer to a form with half a second of sound.
async fn transcribed(app: &TestApp, fields: &[(&str, &str)]) -> TestResponse {
    let wav = tone_wav(8_000).unwrap();
    let fields = [&[("model", "speech")][..], fields].concat();
    let request = request(app, form(&fields, Some(&wav)));
    let key = &app.user(Role::Caller).key;
    request.bearer(key).send().await.expect(200)
}

#[tokio::test]
async fn a_prediction_tells_the_words_with_their_times() {
    let app = app().await;
    let key = &app.user(Role::Caller).key;
    let wav = tone_wav(44_100).unwrap();
    let answer = app
        .post("/v1/models/speech/predict")
        .bearer(key)
        .body("audio/wav", wav.clone());
    let answer = answer.send().await.expect(200).json();
    let transcript = &answer["predictions"][0]["transcript"];
    assert_eq!(transcript["text"], "7");
    let words = transcript["words"].as_array().unwrap();
    assert_eq!(words.len(), 1);
    assert_eq!(words[0]["text"], "7");
    let start = words[0]["start_seconds"].as_f64().unwrap();
    let end = words[0]["end_seconds"].as_f64().unwrap();
    // The model reads a second.
    assert!(start >= 0.0 && end <= 1.0, "{transcript}");
    assert!(start < end, "{transcript}");
    let probability = transcript["probability"].as_f64().unwrap();
    assert!((0.9..1.001).contains(&probability), "{transcript}");
    let scored = app
        .post("/invocations?model=speech")
        .bearer(key)
        .body("audio/wav", wav);
    let scored = scored.send().await.expect(200).json();
    assert_eq!(scored["predictions"], json!(["7"]));
}

#[tokio::test]
async fn the_open_inference_protocol_has_outputs_at_each_step() {
    let app = app().await;
    let key = &app.user(Role::Caller).key;
    let metadata = app.get("/v2/models/speech").bearer(key).send().await;
    let outputs = metadata.expect(200).json()["outputs"].clone();
    assert_eq!(
        outputs,
        json!([{ "name": "logits", "datatype": "FP32", "shape": [-1, -1, 11] }])
    );
    let features = json!({ "inputs": [
        { "name": "image", "shape": [1, 1, 8, 11], "datatype": "FP32", "data": vec![0.5; 88] },
    ] });
    let answer = app.post("/v2/models/speech/infer").bearer(key);
    let answer = answer.json(&features).send().await.expect(200).json();
    let output = &answer["outputs"][0];
    assert_eq!(output["shape"], json!([1, 11, 11]));
    assert_eq!(output["data"].as_array().unwrap().len(), 121);
}

#[tokio::test]
async fn a_transcription_comes_in_each_form_that_clients_read() {
    let app = app().await;
    for fields in [
        &[][..],
        &[("response_format", "json")][..],
        // What clients send that say everything.
        &[
            ("language", "en"),
            ("prompt", ""),
            ("temperature", "0"),
            ("stream", "false"),
        ][..],
    ] {
        let answer = transcribed(&app, fields).await;
        assert_eq!(answer.json(), json!({ "text": "7" }));
    }
    for (format, media_type, text) in [
        ("text", "text/plain; charset=utf-8", "7\n"),
        (
            "srt",
            "application/x-subrip",
            "1\n00:00:00,000 --> 00:00:00,500\n7\n\n",
        ),
        (
            "vtt",
            "text/vtt; charset=utf-8",
            "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\n7\n\n",
        ),
    ] {
        let answer = transcribed(&app, &[("response_format", format)]).await;
        assert_eq!(answer.header("content-type"), media_type);
        assert_eq!(answer.text(), text);
    }
}

#[tokio::test]
async fn times_are_told_of_what_they_are_asked_of() {
    let app = app().await;
    let verbose = ("response_format", "verbose_json");
    let times = |what| ("timestamp_granularities[]", what);
    let mut whole = transcribed(&app, &[verbose, times("word"), times("segment")])
        .await
        .json();
    let logarithm = whole["segments"][0]["avg_logprob"].take();
    assert!(logarithm.as_f64().unwrap().abs() < 0.1, "{logarithm}");
    let words = json!([{ "word": "7", "start": 0.0, "end": 0.5 }]);
    assert_eq!(
        whole,
        json!({
            "text": "7", "task": "transcribe", "language": "", "duration": 0.5, "words": words,
            "segments": [{
                "id": 0, "seek": 0, "start": 0.0, "end": 0.5, "text": "7", "tokens": [], "temperature": 0.0,
                "avg_logprob": null, "compression_ratio": null, "no_speech_prob": null,
            }],
        })
    );
    let segments = transcribed(&app, &[verbose]).await.json();
    assert_eq!(segments["segments"][0]["text"], "7");
    assert_eq!(segments.get("words"), None);
    let told = transcribed(&app, &[verbose, times("word")]).await.json();
    assert_eq!(told["words"], words);
    assert_eq!(told.get("segments"), None);
}

/// The error that an answer with this status tells.
fn error(response: TestResponse, status: u16) -> Value {
    response.expect(status).json()["error"].clone()
}

#[tokio::test]
async fn what_is_refused_is_named_in_the_envelope() {
    let app = app().await;
    let key = &app.user(Role::Caller).key;
    let wav = tone_wav(8_000).unwrap();
    let speech = ("model", "speech");
    for (fields, file, parameter, said) in [
        (&[speech][..], None, "file", "no field file"),
        (&[speech][..], Some(&b"no sound"[..]), "file", "WAV"),
        (&[speech][..], Some(&b""[..]), "file", "no bytes"),
        (&[][..], Some(&wav[..]), "model", "no field model"),
        (
            &[("model", "digits")][..],
            Some(&wav[..]),
            "model",
            "image-classification",
        ),
        (
            &[speech, ("response_format", "yaml")][..],
            Some(&wav[..]),
            "response_format",
            "verbose_json",
        ),
        (
            &[speech, ("timestamp_granularities[]", "word")][..],
            Some(&wav[..]),
            "timestamp_granularities",
            "verbose_json",
        ),
        (
            &[speech, ("stream", "true")][..],
            Some(&wav[..]),
            "stream",
            "not implemented",
        ),
        (
            &[speech, ("prompt", "Ada")][..],
            Some(&wav[..]),
            "prompt",
            "not implemented",
        ),
        (
            &[speech, ("temperature", "0.7")][..],
            Some(&wav[..]),
            "temperature",
            "not implemented",
        ),
    ] {
        let request = request(&app, form(fields, file)).bearer(key);
        let refused = error(request.send().await, 400);
        assert_eq!(refused["type"], "invalid_request_error");
        assert_eq!(refused["param"], parameter, "{refused}");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(said), "{said} is not in {message}");
    }
    let send = async |body: Vec<u8>| request(&app, body).bearer(key).send().await;
    let ghost = send(form(&[("model", "ghost")], Some(&wav))).await;
    assert_eq!(error(ghost, 404)["code"], "model_not_found");
    let unknown = send(form(&[speech, ("respose_format", "text")], Some(&wav))).await;
    let unknown = error(unknown, 400);
    let message = unknown["message"].as_str().unwrap();
    assert!(
        message.contains("did you mean `response_format`?"),
        "{message}"
    );
    // Before what ends a form stands another one.
    let mut twice = form(&[speech], Some(&wav));
    twice.truncate(twice.len() - b"--x--\r\n".len());
    twice.extend(form(&[], Some(&wav)));
    assert_eq!(error(send(twice).await, 400)["param"], "file");
    let broken = send(b"--y\r\n".to_vec()).await;
    error(broken, 400);
    let json = app.post(TRANSCRIPTIONS).bearer(key);
    let json = json.json(&json!({ "model": "speech" })).send().await;
    assert_eq!(error(json, 415)["type"], "invalid_request_error");
    for path in ["/openai/v1/audio/speech", "/openai/v1/audio/translations"] {
        let missing = app.post(path).bearer(key).json(&json!({})).send().await;
        let missing = error(missing, 501);
        let message = missing["message"].as_str().unwrap();
        assert!(message.contains(TRANSCRIPTIONS), "{message}");
    }
}

#[tokio::test]
async fn who_asks_needs_the_scope_and_is_counted() {
    let app = app().await;
    let wav = tone_wav(8_000).unwrap();
    let body = form(&[("model", "speech@1")], Some(&wav));
    let nobody = request(&app, body.clone()).send().await;
    assert_eq!(error(nobody, 401)["code"], "invalid_api_key");
    let reader = app.key(&[Scope::RegistryRead], None).await.unwrap();
    let reading = request(&app, body.clone()).bearer(&reader).send().await;
    assert_eq!(error(reading, 403)["type"], "permission_error");
    let caller = app.user(Role::Caller);
    for (body, status) in [
        (body, 200),
        (form(&[("model", "speech")], Some(b"no sound")), 400),
    ] {
        let asked = request(&app, body).bearer(&caller.key);
        asked.send().await.expect(status);
    }
    figures(&app, "speech", [2, 2, 1]).await;
    let admin = &app.user(Role::Admin).key;
    let models = app.get("/openai/v1/models").bearer(admin).send().await;
    let models = models.expect(200).json();
    assert_eq!(models["data"][0]["id"], "speech");
    assert_eq!(models["data"].as_array().unwrap().len(), 1);
}
