//! OpenAI's interface, as its unchanged clients send and read it.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::future::join;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use mofang_accounts::{Role, Scope};
use mofang_testing::{TestApp, TestResponse};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::generate::{ENDLESS, app, asked, data, held, narrow_app};
use crate::usage::figures;

const COMPLETIONS: &str = "/openai/v1/completions";
const EMBEDDINGS: &str = "/openai/v1/embeddings";

/// The text with which our own interface goes on.
async fn text(app: &TestApp, prompt: &str, seed: u64, max_tokens: usize) -> String {
    let body = json!({ "prompt": prompt, "seed": seed, "max_tokens": max_tokens });
    let answer = asked(app, "/v1/models/tale/generate", &body).await;
    answer.expect(200).json()["text"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The chunks of a stream, which ends with `[DONE]`.
fn chunks(response: &TestResponse) -> Vec<Value> {
    let mut data = data(&response.text());
    assert_eq!(data.pop().as_deref(), Some("[DONE]"));
    data.iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// The text of one choice in all chunks, and why it ended.
fn choice(chunks: &[Value], index: usize) -> (String, Option<String>) {
    let mut text = String::new();
    let mut reason = None;
    for choice in chunks
        .iter()
        .flat_map(|chunk| chunk["choices"].as_array().unwrap())
    {
        if choice["index"] == index {
            assert_eq!(reason, None, "a piece behind the end");
            text.push_str(choice["text"].as_str().unwrap());
            reason = choice["finish_reason"].as_str().map(str::to_owned);
        }
    }
    (text, reason)
}

#[tokio::test]
async fn a_completion_has_the_form_that_clients_read() {
    let app = app().await;
    let body =
        json!({ "model": "tale", "prompt": "the fox", "max_tokens": 5, "seed": 7, "user": "ada" });
    let response = asked(&app, COMPLETIONS, &body).await.expect(200);
    let mut answer = response.json();
    assert_eq!(
        answer["id"],
        format!("cmpl-{}", response.header("x-request-id"))
    );
    assert!(answer["created"].as_i64().unwrap() > 1_700_000_000);
    answer["id"] = json!("[id]");
    answer["created"] = json!(0);
    let text = text(&app, "the fox", 7, 5).await;
    assert_eq!(
        answer,
        json!({
            "id": "[id]", "object": "text_completion", "created": 0, "model": "tale", "system_fingerprint": "tale@1",
            "choices": [{ "text": text, "index": 0, "logprobs": null, "finish_reason": "length" }],
            "usage": { "prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12 },
        })
    );
    // The protocol's own default, and names with a version.
    for name in ["tale@1", "tale:1", "tale@latest"] {
        let body = json!({ "model": name, "prompt": ["the fox"], "echo": true });
        let answer = asked(&app, COMPLETIONS, &body).await.expect(200).json();
        assert_eq!(
            (&answer["model"], &answer["usage"]["completion_tokens"]),
            (&json!(name), &json!(16))
        );
        let text = answer["choices"][0]["text"].as_str().unwrap();
        assert!(text.starts_with("the fox"), "{text}");
        assert_eq!(text.chars().count(), 7 + 16);
    }
}

#[tokio::test]
async fn a_stream_is_chunks_and_the_usage_when_it_is_asked_for() {
    let app = app().await;
    let mut body =
        json!({ "model": "tale", "prompt": "the fox", "max_tokens": 9, "seed": 7, "stream": true });
    let response = asked(&app, COMPLETIONS, &body).await.expect(200);
    assert_eq!(
        response.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    let plain = chunks(&response);
    let expected = text(&app, "the fox", 7, 9).await;
    assert_eq!(
        choice(&plain, 0),
        (expected.clone(), Some("length".to_owned()))
    );
    for chunk in &plain {
        assert_eq!(chunk["object"], "text_completion");
        assert_eq!(chunk["id"], plain[0]["id"]);
        assert_eq!(chunk["choices"].as_array().unwrap().len(), 1);
        assert_eq!(chunk.get("usage"), None);
    }
    body["stream_options"] = json!({ "include_usage": true });
    body["echo"] = json!(true);
    let mut told = chunks(&asked(&app, COMPLETIONS, &body).await.expect(200));
    let last = told.pop().unwrap();
    assert_eq!(last["choices"], json!([]));
    let usage = json!({ "prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16 });
    assert_eq!(last["usage"], usage);
    assert!(
        told.iter()
            .all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some())
    );
    assert_eq!(choice(&told, 0).0, format!("the fox{expected}"));
}

#[tokio::test]
async fn several_prompts_have_several_texts_each() {
    let app = app().await;
    let mut body =
        json!({ "model": "tale", "prompt": ["the", "fox:"], "n": 2, "max_tokens": 6, "seed": 5 });
    let answer = asked(&app, COMPLETIONS, &body).await.expect(200).json();
    let mut expected = Vec::new();
    for (prompt, seed) in [("the", 5), ("the", 6), ("fox:", 5), ("fox:", 6)] {
        expected.push(text(&app, prompt, seed, 6).await);
    }
    let found: Vec<&Value> = answer["choices"].as_array().unwrap().iter().collect();
    for (index, (choice, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(
            (&choice["index"], &choice["text"]),
            (&json!(index), &json!(expected))
        );
    }
    assert_eq!(found.len(), 4);
    // A prompt counts once, however many texts it gets.
    let usage = json!({ "prompt_tokens": 7, "completion_tokens": 24, "total_tokens": 31 });
    assert_eq!(answer["usage"], usage);
    body["stream"] = json!(true);
    let streamed = chunks(&asked(&app, COMPLETIONS, &body).await.expect(200));
    for (index, expected) in expected.iter().enumerate() {
        let text = (expected.clone(), Some("length".to_owned()));
        assert_eq!(choice(&streamed, index), text);
    }
    // Two requests with four texts each, and four with one.
    figures(&app, "tale", [6, 12, 0]).await;
}

#[tokio::test]
async fn a_text_ends_before_what_it_is_to_stop_at() {
    let app = app().await;
    let text = text(&app, "the fox", 3, 20).await;
    let stop: String = text.chars().skip(7).take(1).collect();
    let expected = text.split(stop.as_str()).next().unwrap();
    for stop in [json!(stop), json!([stop])] {
        let body = json!({ "model": "tale", "prompt": "the fox", "max_tokens": 20, "seed": 3, "stop": stop });
        let answer = asked(&app, COMPLETIONS, &body).await.expect(200).json();
        let choice = &answer["choices"][0];
        assert_eq!(
            (&choice["text"], &choice["finish_reason"]),
            (&json!(expected), &json!("stop"))
        );
    }
}

#[tokio::test]
async fn what_is_refused_is_named_in_the_envelope() {
    let app = app().await;
    for (name, value, said) in [
        ("prompt", json!([[1, 2]]), "ids of tokens"),
        ("prompt", json!(""), "no token"),
        ("max_tokens", json!(5000), "4096"),
        ("max_tokens", json!(0), "at least 1"),
        ("temperature", json!(101), "temperature = 101"),
        ("top_p", json!(0), "top_p = 0"),
        ("stop", json!(vec!["a"; 17]), "more than 16"),
        ("n", json!(257), "1 to 256"),
        ("logprobs", json!(5), "not implemented"),
        ("best_of", json!(3), "not implemented"),
        ("suffix", json!("end"), "not implemented"),
        ("presence_penalty", json!(1), "not implemented"),
        ("frequency_penalty", json!(1), "not implemented"),
        ("logit_bias", json!({ "7": 1 }), "not implemented"),
        ("model", json!("digits"), "digits@1 goes on with no texts"),
        ("model", json!("Not A Name"), ""),
    ] {
        for stream in [false, true] {
            let mut body = json!({ "model": "tale", "prompt": "the fox", "stream": stream });
            body[name] = value.clone();
            let refused = asked(&app, COMPLETIONS, &body).await.expect(400);
            let error = &refused.json()["error"];
            assert_eq!(error["type"], "invalid_request_error", "{body}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(said), "{said} is not in {message}");
            // A prompt without tokens is found out by the model, which knows no parameters.
            if said != "no token" {
                assert_eq!(error["param"], name, "{message}");
            }
        }
    }
    let body = json!({ "model": "tale", "prompt": "the fox", "temprature": 1 });
    let unknown = asked(&app, COMPLETIONS, &body).await.expect(400);
    assert!(
        unknown.text().contains("did you mean `temperature`?"),
        "{}",
        unknown.text()
    );
    let ghost = json!({ "model": "ghost", "prompt": "the fox" });
    let missing = asked(&app, COMPLETIONS, &ghost).await.expect(404).json();
    assert_eq!(
        (&missing["error"]["code"], &missing["error"]["param"]),
        (&json!("model_not_found"), &json!("model"))
    );
}

#[tokio::test]
async fn who_may_not_come_in_is_told_in_the_envelope() {
    let app = app().await;
    let body = json!({ "model": "tale", "prompt": "the fox", "max_tokens": 1 });
    let nobody = app.post(COMPLETIONS).json(&body).send().await.expect(401);
    let error = &nobody.json()["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("authentication_error"), &json!("invalid_api_key"))
    );
    assert_eq!(nobody.header("x-request-id").len(), 36);
    let reader = app.key(&[Scope::RegistryRead], None).await.unwrap();
    let refused = app
        .post(COMPLETIONS)
        .bearer(&reader)
        .json(&body)
        .send()
        .await;
    assert_eq!(
        refused.expect(403).json()["error"]["type"],
        "permission_error"
    );
    // A quota holds as everywhere.
    let admin = &app.user(Role::Admin).token;
    let slow = json!({ "name": "slow", "scopes": ["infer"], "requests_per_minute": 1 });
    let slow = app.post("/v1/keys").bearer(admin).json(&slow).send().await;
    let slow = slow.expect(201).json()["key"].as_str().unwrap().to_owned();
    app.post(COMPLETIONS)
        .bearer(&slow)
        .json(&body)
        .send()
        .await
        .expect(200);
    let refused = app.post(COMPLETIONS).bearer(&slow).json(&body).send().await;
    let refused = refused.expect(429);
    let error = &refused.json()["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("rate_limit_error"), &json!("rate_limit_exceeded"))
    );
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert_eq!(
        refused.header("retry-after-ms"),
        format!("{}", seconds * 1000)
    );
    assert_eq!(refused.header("x-should-retry"), "true");
    // What is not there, and what is not implemented.
    let key = &app.user(Role::Caller).key;
    for path in ["/openai/v1/chat/completions", "/openai/v1/responses"] {
        let chat = app.post(path).bearer(key).json(&json!({})).send().await;
        let chat = chat.expect(501);
        let message = chat.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(COMPLETIONS), "{message}");
        assert_eq!(chat.header("x-should-retry"), "false");
    }
    let nowhere = app.get("/openai/v1/nowhere").bearer(key).send().await;
    assert_eq!(nowhere.expect(404).json()["error"]["code"], "not_found");
}

#[tokio::test]
async fn rel_6_a_full_server_says_when_to_ask_again() {
    let app = narrow_app().await;
    let held = held(&app).await;
    let key = &app.user(Role::Caller).key;
    let send = || {
        let request = app
            .post(COMPLETIONS)
            .bearer(key)
            .header("x-request-timeout-ms", "300");
        request
            .json(&json!({ "model": "tale", "prompt": "the fox" }))
            .send()
    };
    let (late, refused) = join(send(), send()).await;
    assert_eq!(late.expect(504).json()["error"]["type"], "server_error");
    let refused = refused.expect(503);
    assert_eq!(refused.json()["error"]["code"], "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("retry-after-ms"), "1000");
    drop(held);
    send().await.expect(200);
}

#[tokio::test]
async fn rel_8_a_failure_in_the_middle_stands_in_the_data() {
    let app = narrow_app().await;
    let mut body = json!({ "model": "tale", "prompt": "the fox" });
    // It is loaded before the time counts.
    asked(&app, COMPLETIONS, &body).await.expect(200);
    body["stream"] = json!(true);
    body["max_tokens"] = json!(ENDLESS);
    let key = &app.user(Role::Caller).key;
    let request = app
        .post(COMPLETIONS)
        .bearer(key)
        .header("x-request-timeout-ms", "400");
    let streamed = request.json(&body).send().await.expect(200);
    let chunks = chunks(&streamed);
    assert_eq!(chunks[0]["object"], "text_completion");
    let error = &chunks.last().unwrap()["error"];
    assert_eq!(error["type"], "server_error");
    assert_eq!(error["code"], "timeout");
}

#[tokio::test]
async fn rel_8_several_texts_together_have_the_longest_time_of_one() {
    let app = app().await;
    let body = json!({ "model": "tale", "prompt": "the fox", "n": 2, "stream": true });
    let key = &app.user(Role::Caller).key;
    let request = Request::post(COMPLETIONS)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .header("x-request-timeout-ms", "3600000")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    // The first text is there before the time is over; the second one begins when it is read.
    while app.serving.snapshot().versions[0].infer_seconds.count == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    app.clock.advance(app.serving.settings().deadline_max);
    let streamed = response.into_body().collect().await.unwrap().to_bytes();
    let mut data = data(&String::from_utf8_lossy(&streamed));
    assert_eq!(data.pop().as_deref(), Some("[DONE]"));
    let last: Value = serde_json::from_str(&data.pop().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "timeout", "{last}");
}

#[tokio::test]
async fn models_are_those_that_can_be_asked_here() {
    let app = app().await;
    let viewer = &app.user(Role::Viewer).key;
    let list = app.get("/openai/v1/models").bearer(viewer).send().await;
    let list = list.expect(200).json();
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().unwrap();
    let names: Vec<&Value> = models.iter().map(|model| &model["id"]).collect();
    assert_eq!(names, ["tale", "vectors"]);
    assert_eq!(models[0]["object"], "model");
    assert!(models[0]["created"].is_i64() && models[0]["owned_by"].is_string());
    let infer = app.key(&[Scope::Infer], None).await.unwrap();
    app.get("/openai/v1/models")
        .bearer(&infer)
        .send()
        .await
        .expect(403);
    for name in ["tale", "tale@1", "tale:1", "vectors@latest"] {
        let path = format!("/openai/v1/models/{name}");
        let model = app
            .get(&path)
            .bearer(&infer)
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(model["id"], name);
    }
    for (name, said) in [
        ("ghost", "ghost"),
        ("tale@2", "tale"),
        ("digits", "image-classification"),
    ] {
        let path = format!("/openai/v1/models/{name}");
        let missing = app.get(&path).bearer(&infer).send().await.expect(404);
        let error = &missing.json()["error"];
        assert_eq!(error["code"], "model_not_found");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
    }
}

/// The numbers of one embedding in an answer.
fn numbers(answer: &Value, index: usize) -> Vec<f32> {
    serde_json::from_value(answer["data"][index]["embedding"].clone()).unwrap()
}

#[tokio::test]
async fn embeddings_are_the_same_as_numbers_and_as_bytes() {
    let app = app().await;
    let texts = ["the fox", "你好", "the quick brown"];
    let body = json!({ "model": "vectors", "input": texts });
    let together = asked(&app, EMBEDDINGS, &body).await.expect(200).json();
    assert_eq!(together["object"], "list");
    assert_eq!(together["model"], "vectors");
    // Of the third text eight tokens are read.
    let usage = json!({ "prompt_tokens": 17, "total_tokens": 17 });
    assert_eq!(together["usage"], usage);
    for (index, text) in texts.iter().enumerate() {
        let embedding = &together["data"][index];
        assert_eq!(embedding["object"], "embedding");
        assert_eq!(embedding["index"], index);
        let mut body = json!({ "model": "vectors@1", "input": text });
        let alone = asked(&app, EMBEDDINGS, &body).await.expect(200).json();
        let expected = numbers(&alone, 0);
        assert_eq!(expected.len(), 6);
        // In company a sum may be rounded otherwise.
        for (number, expected) in numbers(&together, index).iter().zip(&expected) {
            assert!((number - expected).abs() < 1e-5, "{number} {expected}");
        }
        body["encoding_format"] = json!("base64");
        let encoded = asked(&app, EMBEDDINGS, &body).await.expect(200).json();
        let encoded = encoded["data"][0]["embedding"].as_str().unwrap();
        let bytes: Vec<u8> = expected
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        assert_eq!(STANDARD.decode(encoded).unwrap(), bytes);
        // Our own predict gives the same numbers.
        let own = asked(&app, "/v1/models/vectors/predict", &json!({ "text": text })).await;
        let own = own.expect(200).json()["predictions"][0]["embedding"].clone();
        assert_eq!(own, alone["data"][0]["embedding"]);
    }
}

#[tokio::test]
async fn what_has_no_embedding_is_named() {
    let app = app().await;
    for (name, value, said) in [
        ("input", json!([1, 2, 3]), "ids of tokens"),
        ("input", json!([]), "1 to 256"),
        ("input", json!(""), "empty"),
        ("input", json!(["the fox", " "]), "text 1: "),
        ("dimensions", json!(3), "not implemented"),
        ("model", json!("tale"), "text-generation"),
    ] {
        let mut body = json!({ "model": "vectors", "input": "the fox" });
        body[name] = value;
        let refused = asked(&app, EMBEDDINGS, &body).await.expect(400);
        let error = &refused.json()["error"];
        assert_eq!(error["param"], name, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(said), "{said} is not in {message}");
    }
    let body = json!({ "model": "vectors", "input": "the fox", "encoding_format": "int8" });
    asked(&app, EMBEDDINGS, &body).await.expect(400);
}
