//! Texts that go on, over our own interface.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use mofang_accounts::{Role, Scope};
use mofang_data::RawExample;
use mofang_serving::{GenerateOptions, Generation};
use mofang_testing::{
    TestApp, TestAppBuilder, TestResponse, tiny_embedding_draft, tiny_language_draft,
};
use mofang_types::GenerationOptions;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::usage::figures;

const PATH: &str = "/v1/models/tale/generate";

/// More tokens than any test waits for.
pub(crate) const ENDLESS: usize = 1_000_000_000;

/// An application with the language model `tale@1` and the embedding model `vectors@1`.
pub(crate) async fn app() -> TestApp {
    app_of(TestAppBuilder::default()).await
}

async fn app_of(builder: TestAppBuilder) -> TestApp {
    let app = builder.build().await.unwrap();
    let draft = tiny_language_draft(3).unwrap();
    app.publish_package("tale", draft).await.unwrap();
    let draft = tiny_embedding_draft(3).unwrap();
    app.publish_package("vectors", draft).await.unwrap();
    app
}

/// The same with one place for texts, a place to wait, and texts without an end.
pub(crate) async fn narrow_app() -> TestApp {
    let mut builder = TestAppBuilder::default();
    builder.serving.concurrent_generations = 1;
    builder.serving.generation_capacity = 1;
    builder.serving.max_generation_tokens = ENDLESS;
    app_of(builder).await
}

/// A text that keeps its place until it is dropped.
pub(crate) async fn held(app: &TestApp) -> Generation {
    let options = GenerateOptions {
        options: GenerationOptions {
            max_tokens: Some(ENDLESS),
            ..GenerationOptions::default()
        },
        ..GenerateOptions::default()
    };
    let reference = "tale".parse().unwrap();
    let prompt = RawExample::Text("the".to_owned());
    let begun = app.serving.generate(&reference, prompt, options);
    begun.await.unwrap()
}

pub(crate) async fn asked(app: &TestApp, path: &str, body: &Value) -> TestResponse {
    let key = &app.user(Role::Caller).key;
    app.post(path).bearer(key).json(body).send().await
}

/// The data of each event.
pub(crate) fn data(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(str::to_owned)
        .collect()
}

/// The data of each event of a stream, as JSON.
fn events(response: &TestResponse) -> Vec<Value> {
    data(&response.text())
        .iter()
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn pieces(events: &[Value]) -> String {
    events
        .iter()
        .filter_map(|event| event["text"].as_str())
        .collect()
}

fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}

#[tokio::test]
async fn a_text_comes_whole_or_in_pieces_and_is_the_same() {
    let app = app().await;
    let body = json!({ "prompt": "the fox", "max_tokens": 20, "seed": 7, "temperature": 0.9 });
    let whole = asked(&app, PATH, &body).await.expect(200).json();
    let text = whole["text"].as_str().unwrap().to_owned();
    assert_eq!(text.chars().count(), 20);
    let end = json!({
        "model": "tale", "version": 1, "finish_reason": "length", "prompt_tokens": 7, "completion_tokens": 20, "seed": 7, "warnings": [],
    });
    for (name, value) in end.as_object().unwrap() {
        assert_eq!(&whole[name], value, "{name}");
    }
    assert!(whole["timing"]["infer_ms"].as_f64().unwrap() > 0.0);

    let streamed = asked(&app, PATH, &with(&body, "stream", json!(true))).await;
    let streamed = streamed.expect(200);
    let media_type = streamed.header("content-type");
    assert_eq!(media_type, "text/event-stream; charset=utf-8");
    assert_eq!(streamed.header("cache-control"), "no-store");
    assert_eq!(streamed.header("x-accel-buffering"), "no");
    let mut events = events(&streamed);
    assert_eq!(events.pop(), Some(end));
    assert_eq!(pieces(&events), text);
    assert!(events.iter().all(|event| event["text"] != ""), "{events:?}");

    let other = asked(&app, PATH, &with(&body, "seed", json!(8))).await;
    assert_ne!(other.expect(200).json()["text"], text.as_str());
    // Without a seed one is made, and told, by which the text comes again.
    let drawn = json!({ "prompt": "the fox" });
    let first = asked(&app, PATH, &drawn).await.expect(200).json();
    let again = asked(&app, PATH, &with(&drawn, "seed", first["seed"].clone())).await;
    assert_eq!(again.expect(200).json()["text"], first["text"]);
    let second = asked(&app, PATH, &drawn).await.expect(200).json();
    assert_ne!(second["seed"], first["seed"]);
    // The package says how long it is.
    assert_eq!(first["completion_tokens"], 12);
}

#[tokio::test]
async fn a_text_ends_before_what_it_is_to_stop_at() {
    let app = app().await;
    let body = json!({ "prompt": "the fox", "max_tokens": 24, "seed": 1 });
    let whole = asked(&app, PATH, &body).await.expect(200).json();
    let text = whole["text"].as_str().unwrap();
    let stop: String = text.chars().skip(9).take(2).collect();
    let expected = text.split(stop.as_str()).next().unwrap();
    let body = with(&body, "stop", json!(["???", stop]));
    let stopped = asked(&app, PATH, &body).await.expect(200).json();
    assert_eq!(stopped["text"], expected);
    assert_eq!(stopped["finish_reason"], "stop");
    let streamed = asked(&app, PATH, &with(&body, "stream", json!(true))).await;
    let mut events = events(&streamed.expect(200));
    assert_eq!(events.pop().unwrap()["finish_reason"], "stop");
    assert_eq!(pieces(&events), expected);
}

#[tokio::test]
async fn of_a_long_prompt_the_end_is_read_and_the_answer_says_so() {
    let app = app().await;
    let body = json!({ "prompt": "the quick brown fox", "max_tokens": 40 });
    let answer = asked(&app, PATH, &body).await.expect(200).json();
    assert_eq!(
        answer["warnings"],
        json!(["the text has 19 tokens; only the last 16 were read"])
    );
    assert_eq!(
        (&answer["prompt_tokens"], &answer["completion_tokens"]),
        (&json!(16), &json!(40))
    );
}

#[tokio::test]
async fn a_prediction_is_a_text_in_every_protocol() {
    let app = app().await;
    let body = json!({ "inputs": [{ "text": "the fox" }, { "text": "the fox" }, { "text": "" }] });
    let answer = asked(&app, "/v1/models/tale/predict", &body).await;
    let predictions = answer.expect(200).json()["predictions"].clone();
    let generation = &predictions[0]["generation"];
    assert_eq!(generation["completion_tokens"], 12);
    assert_eq!(&predictions[1]["generation"], generation);
    assert_eq!(predictions[2]["error"]["code"], "invalid_input");
    let body = json!({ "prompt": "the fox", "seed": 0 });
    let text = asked(&app, PATH, &body).await.expect(200).json()["text"].clone();
    assert_eq!(generation["text"], text);
    let scored = asked(
        &app,
        "/invocations?model=tale",
        &json!({ "instances": ["the fox"] }),
    )
    .await;
    assert_eq!(scored.expect(200).json(), json!({ "predictions": [text] }));
}

#[tokio::test]
async fn what_is_wrong_is_named_before_the_first_piece() {
    let app = app().await;
    for (name, value, said) in [
        ("temperature", json!(-0.5), "temperature = -0.5"),
        ("top_k", json!(0), "top_k = 0"),
        ("top_p", json!(0), "top_p = 0"),
        ("min_p", json!(2), "min_p = 2"),
        ("repetition_penalty", json!(0), "repetition_penalty = 0"),
        ("max_tokens", json!(0), "max_tokens must be at least 1"),
        ("max_tokens", json!(4097), "serving.max_generation_tokens"),
        ("stop", json!([""]), "stop has an empty text"),
        ("stop", json!(vec!["a"; 17]), "stop has more than 16"),
        ("prompt", json!(""), "no token"),
        ("temprature", json!(1), "did you mean `temperature`?"),
        ("seed", json!(-1), "invalid JSON body"),
    ] {
        let body = with(&json!({ "prompt": "the fox" }), name, value);
        for stream in [false, true] {
            let refused = asked(&app, PATH, &with(&body, "stream", json!(stream))).await;
            let problem = refused.expect(400).json();
            assert_eq!(problem["code"], "invalid_input");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(said), "{said} is not in {detail}");
        }
    }
    let body = json!({ "prompt": "the fox" });
    let image = asked(&app, "/v1/models/digits/generate", &body)
        .await
        .expect(400);
    assert!(
        image.text().contains("digits@1 goes on with no texts"),
        "{}",
        image.text()
    );
    asked(&app, "/v1/models/ghost/generate", &body)
        .await
        .expect(404);
    let key = &app.user(Role::Caller).key;
    let plain = app.post(PATH).bearer(key).body("text/plain", "the fox");
    plain.send().await.expect(415);
    let reader = app.key(&[Scope::RegistryRead], None).await.unwrap();
    let refused = app.post(PATH).bearer(&reader).json(&body).send().await;
    assert_eq!(refused.expect(403).json()["code"], "forbidden");
}

#[tokio::test]
async fn rel_6_rel_8_who_waits_too_long_gets_504_and_who_finds_no_room_503() {
    let app = narrow_app().await;
    let held = held(&app).await;
    let key = &app.user(Role::Caller).key;
    let requests = (0..4).map(|_| {
        let request = app
            .post(PATH)
            .bearer(key)
            .header("x-request-timeout-ms", "300");
        request.json(&json!({ "prompt": "the fox" })).send()
    });
    let answers = join_all(requests).await;
    let late: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 504)
        .collect();
    assert_eq!(late.len(), 1, "{answers:?}");
    assert_eq!(late[0].json()["code"], "timeout");
    for refused in answers.iter().filter(|answer| answer.status != 504) {
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert_eq!(refused.json()["code"], "overloaded");
        assert_eq!(refused.header("retry-after"), "1");
    }
    drop(held);
    asked(&app, PATH, &json!({ "prompt": "the fox" }))
        .await
        .expect(200);
}

#[tokio::test]
async fn rel_8_a_deadline_in_the_middle_is_the_last_event() {
    let app = narrow_app().await;
    // It is loaded before the time counts.
    asked(&app, PATH, &json!({ "prompt": "the fox" }))
        .await
        .expect(200);
    let key = &app.user(Role::Caller).key;
    let send = |stream: bool| {
        let request = app
            .post(PATH)
            .bearer(key)
            .header("x-request-timeout-ms", "400");
        let body = json!({ "prompt": "the fox", "max_tokens": ENDLESS, "stream": stream });
        request.json(&body).send()
    };
    assert_eq!(send(false).await.expect(504).json()["code"], "timeout");
    let streamed = send(true).await.expect(200);
    assert!(streamed.text().contains("\n\nevent: error\ndata: {"));
    let events = events(&streamed);
    assert!(!pieces(&events).is_empty());
    let last = events.last().unwrap();
    assert_eq!(
        (&last["code"], &last["status"]),
        (&json!("timeout"), &json!(504))
    );
    assert_eq!(last["request_id"], streamed.header("x-request-id"));
}

#[tokio::test]
async fn rel_14_a_drain_that_runs_out_of_time_is_the_last_event() {
    let app = narrow_app().await;
    // It is loaded before the time counts.
    let short = json!({ "prompt": "the fox" });
    asked(&app, PATH, &short).await.expect(200);
    let key = &app.user(Role::Caller).key;
    let body = json!({ "prompt": "the fox", "max_tokens": ENDLESS, "stream": true });
    let streamed = tokio::spawn(app.post(PATH).bearer(key).json(&body).send());
    while app.serving.snapshot().in_flight == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // Until its first piece it has a status of its own.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let drained = app.serving.drain(Duration::from_millis(50)).await;
    assert_eq!(drained.abandoned, 1);
    let streamed = streamed.await.unwrap().expect(200);
    assert_eq!(events(&streamed).last().unwrap()["code"], "unavailable");
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_text_and_is_counted_once() {
    let app = narrow_app().await;
    let caller = app.user(Role::Caller);
    let body = json!({ "prompt": "the fox", "max_tokens": ENDLESS, "stream": true });
    let request = Request::post(PATH)
        .header("authorization", format!("Bearer {}", caller.key))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut events = response.into_body();
    let first = events.frame().await.unwrap().unwrap();
    let first = first.into_data().unwrap();
    assert!(first.starts_with(b"data: {\"text\":"), "{first:?}");
    assert_eq!(app.serving.snapshot().in_flight, 1);
    drop(events);
    assert_eq!(app.serving.snapshot().in_flight, 0);
    // The place is free, and what did not fail is counted as what it was.
    asked(&app, PATH, &json!({ "prompt": "the fox" }))
        .await
        .expect(200);
    asked(&app, PATH, &json!({ "prompt": "" }))
        .await
        .expect(400);
    let snapshot = app.serving.snapshot();
    let version = &snapshot.versions[0];
    assert_eq!(
        (version.requests, version.successes, version.cancelled),
        (3, 1, 1)
    );
    figures(&app, "tale", [3, 3, 1]).await;
}
