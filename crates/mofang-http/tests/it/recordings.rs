//! Recordings as inputs, good and bad.

use mofang_accounts::Scope;
use mofang_testing::{TestApp, TestResponse, tiny_recording_draft, tone_wav};
use serde_json::json;

const PATH: &str = "/v1/models/sounds/predict";

#[expect(
    clippy::unwrap_used,
    reason = "a test cannot go on without its application"
)]
async fn app() -> (TestApp, String) {
    let app = TestApp::new().await;
    let draft = tiny_recording_draft(1).unwrap();
    app.publish_package("sounds", draft).await.unwrap();
    let key = app.key(&[Scope::Infer], None).await.unwrap();
    (app, key)
}

async fn send(app: &TestApp, key: &str, media_type: &str, body: Vec<u8>) -> TestResponse {
    app.post(PATH)
        .bearer(key)
        .body(media_type, body)
        .send()
        .await
}

#[tokio::test]
async fn recordings_come_raw_in_a_form_or_as_features() {
    let (app, key) = app().await;
    let wav = tone_wav(44_100).unwrap();
    let raw = send(&app, &key, "audio/wav", wav.clone()).await.expect(200);
    let classes = raw.json()["predictions"][0]["classes"].clone();
    assert_eq!(classes.as_array().unwrap().len(), 3);
    for media_type in ["audio/x-wav", "audio/vnd.wave", "audio/flac", "audio/mpeg"] {
        // What it is, the bytes say.
        let other = send(&app, &key, media_type, wav.clone()).await.expect(200);
        assert_eq!(other.json()["predictions"][0]["classes"], classes);
    }
    let mut form = Vec::new();
    for file in [wav.as_slice(), b"no sound".as_slice()] {
        form.extend(
            b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n",
        );
        form.extend(file);
        form.extend(b"\r\n");
    }
    form.extend(b"--x--\r\n");
    let form = send(&app, &key, "multipart/form-data; boundary=x", form).await;
    let predictions = form.expect(200).json()["predictions"].clone();
    assert_eq!(predictions[0]["classes"], classes);
    assert_eq!(predictions[1]["error"]["code"], "invalid_input");
    let features = json!({ "shape": [1, 8, 11], "data": vec![0.5; 88] });
    app.post(PATH)
        .bearer(&key)
        .json(&features)
        .send()
        .await
        .expect(200);
    let scored = app
        .post("/invocations?model=sounds")
        .bearer(&key)
        .body("audio/wav", wav);
    let label = scored.send().await.expect(200).json()["predictions"][0].clone();
    assert_eq!(label, classes[0]["label"]);
}

#[tokio::test]
async fn a_recording_that_lies_is_refused_with_the_reason() {
    let (app, key) = app().await;
    let wav = tone_wav(8_000).unwrap();
    // Channels stand at byte 22, the sample rate at 24, the size of the sound at 40.
    let with = |at: usize, bytes: &[u8]| {
        let mut wav = wav.clone();
        wav[at..at + bytes.len()].copy_from_slice(bytes);
        wav
    };
    for (body, said) in [
        (Vec::new(), "no bytes"),
        (b"RIFF".to_vec(), "no WAV, FLAC or MP3 file"),
        (wav[..100].to_vec(), "truncated"),
        (with(40, &[0xff; 4]), "and 8000 are there"),
        (with(22, &[0, 0]), "no channels"),
        (with(24, &[0; 4]), "a sample rate of 0 Hz"),
        (with(24, &[0xff; 4]), "a sample rate of 4294967295 Hz"),
        (b"\x89PNG\r\n\x1a\n".to_vec(), "no WAV, FLAC or MP3 file"),
    ] {
        let response = send(&app, &key, "audio/wav", body).await;
        assert_eq!(response.status, 400, "{said}: {}", response.text());
        assert!(response.text().contains(said), "{}", response.text());
    }
    // A minute at a rate so low that it is eleven minutes.
    let mut slow = tone_wav(128_000).unwrap();
    slow.splice(24..28, 1_000_u32.to_le_bytes());
    let long = [
        slow[..40].to_vec(),
        1_320_000_u32.to_le_bytes().to_vec(),
        vec![0; 1_320_000],
    ];
    let mut long = long.concat();
    let size = u32::try_from(long.len() - 8).unwrap();
    long.splice(4..8, size.to_le_bytes());
    let response = send(&app, &key, "audio/wav", long).await;
    assert_eq!(response.status, 413, "{}", response.text());
    assert!(
        response.text().contains("600 seconds"),
        "{}",
        response.text()
    );
    // A text or a row is no recording.
    let text = app
        .post(PATH)
        .bearer(&key)
        .json(&json!({ "text": "seven" }));
    let text = text.send().await.expect(400);
    assert!(text.text().contains("recordings"), "{}", text.text());
    let ogg = send(&app, &key, "audio/ogg", b"OggS".to_vec()).await;
    assert_eq!(ogg.status, 415, "{}", ogg.text());
}
