//! A model of texts over HTTP, in every form in which a text can come.

use mofang_accounts::Role;
use mofang_registry::{Actor, PublishRequest};
use mofang_testing::{TestApp, TestResponse, tiny_text_draft};
use serde_json::{Value, json};

const PATH: &str = "/v1/models/mail/predict";

#[expect(
    clippy::unwrap_used,
    reason = "a test cannot go on without its application"
)]
async fn app() -> TestApp {
    let app = TestApp::new().await;
    let draft = tiny_text_draft(3).unwrap();
    let request = PublishRequest::new("mail".parse().unwrap(), draft, Actor::system());
    app.registry.publish(request).await.unwrap();
    app
}

async fn asked(app: &TestApp, path: &str, body: &Value) -> TestResponse {
    let key = &app.user(Role::Caller).key;
    app.post(path).bearer(key).json(body).send().await
}

#[tokio::test]
async fn a_text_in_each_form_gives_the_same_answer() {
    let app = app().await;
    let key = &app.user(Role::Caller).key;
    let several = asked(
        &app,
        PATH,
        &json!({"inputs": [{"text": "fox"}, {"text": "你好"}]}),
    )
    .await;
    let several = several.expect(200).json();
    let first = several["predictions"][0]["classes"].clone();
    assert_eq!(first.as_array().unwrap().len(), 2);
    assert_ne!(first, several["predictions"][1]["classes"]);
    let one = asked(&app, PATH, &json!({"text": "fox"})).await.expect(200);
    assert_eq!(one.json()["predictions"][0]["classes"], first);
    assert!(one.json()["predictions"][0]["warnings"].is_null());
    let plain = app.post(PATH).bearer(key).body("text/plain", "fox");
    let plain = plain.send().await.expect(200).json();
    assert_eq!(plain["predictions"][0]["classes"], first);
    let form = "--x\r\ncontent-disposition: form-data; name=\"text\"\r\n\r\nfox\r\n--x--\r\n";
    let form = app
        .post(PATH)
        .bearer(key)
        .body("multipart/form-data; boundary=x", form);
    let form = form.send().await.expect(200).json();
    assert_eq!(form["predictions"][0]["classes"], first);
    // The ids that the tokenizer gives, as a client that has it would send them.
    let ids = asked(&app, PATH, &json!({"data": [6.0, 7.0], "dtype": "i64"})).await;
    ids.expect(200);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_cut_off_and_the_answer_says_so() {
    let app = app().await;
    let body = json!({"inputs": [{"text": "the quick fox"}, {"text": "fox"}, {"text": "ЖЖ"}]});
    let answer = asked(&app, PATH, &body).await.expect(200).json();
    let warnings = |index: usize| answer["predictions"][index]["warnings"].clone();
    assert_eq!(
        warnings(0),
        json!(["the text has 13 tokens; only the first 8 were read"])
    );
    assert!(warnings(1).is_null());
    assert!(
        warnings(2)[0]
            .as_str()
            .unwrap()
            .contains("in the vocabulary")
    );
}

#[tokio::test]
async fn what_is_no_text_is_refused_by_name() {
    let app = app().await;
    let key = &app.user(Role::Caller).key;
    let body = json!({"inputs": [{"text": " "}, {"text": "fox"}, {"row": {"a": 1}}]});
    let answer = asked(&app, PATH, &body).await.expect(200).json();
    let detail = |index: usize| answer["predictions"][index]["error"]["detail"].clone();
    assert!(
        detail(0).as_str().unwrap().contains("it is empty"),
        "{answer}"
    );
    assert!(answer["predictions"][1]["classes"].is_array());
    assert!(
        detail(2).as_str().unwrap().contains("takes texts"),
        "{answer}"
    );
    let latin = app
        .post(PATH)
        .bearer(key)
        .body("text/plain", b"caf\xe9".to_vec());
    let latin = latin.send().await.expect(400);
    assert!(
        latin.text().contains("not UTF-8: byte 0xe9 at 3"),
        "{}",
        latin.text()
    );
    for (ids, part) in [
        (json!([1e6]), "is no id"),
        (json!([0.5]), "is no id"),
        (json!([[1]]), "shape"),
    ] {
        let refused = asked(&app, PATH, &json!({"data": ids})).await.expect(400);
        assert!(refused.text().contains(part), "{}", refused.text());
    }
    let image = asked(&app, "/v1/models/digits/predict", &json!({"text": "fox"})).await;
    let image = image.expect(400);
    assert!(image.text().contains("takes images"), "{}", image.text());
}

#[tokio::test]
async fn strings_are_texts_for_the_scoring_protocol() {
    let app = app().await;
    let path = "/invocations?model=mail";
    let label = asked(&app, PATH, &json!({"text": "fox"})).await.json()["predictions"][0]["classes"]
        [0]["label"]
        .clone();
    for body in [
        json!({"instances": ["fox", "fox"]}),
        json!({"dataframe_split": {"columns": ["text"], "data": [["fox"], ["fox"]]}}),
        json!({"dataframe_records": [{"text": "fox"}, {"text": "fox"}]}),
        json!({"inputs": ["fox", "fox"]}),
        json!({"inputs": {"input_ids": ["fox", "fox"]}}),
    ] {
        let answer = asked(&app, path, &body).await.expect(200).json();
        assert_eq!(answer, json!({"predictions": [label, label]}), "{body}");
    }
    let refused = asked(&app, path, &json!({"instances": ["fox", ""]}))
        .await
        .expect(400);
    assert!(refused.text().contains("row 1: "), "{}", refused.text());
    // What is wrong is told, not that texts are no numbers.
    for (body, said) in [
        (
            json!({"inputs": ["fox", 3]}),
            "integer `3`, expected a string",
        ),
        (
            json!({"inputs": {"input_ids": ["fox", null]}}),
            "null, expected a string",
        ),
        (json!({"inputs": "fox"}), "expected a list of texts"),
        (
            json!({"inputs": {"texts": ["fox"]}}),
            "the input \"input_ids\" is missing",
        ),
        (
            json!({"inputs": ["fox"], "parms": {}}),
            "did you mean `params`?",
        ),
        (
            json!({"inputs": [["6"]], "params": {}}),
            "expected a string",
        ),
    ] {
        let refused = asked(&app, path, &body).await.expect(400).json();
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(said), "{said} is not in {message}");
    }
    // Ids are numbers, and stay so.
    let ids = asked(&app, path, &json!({"inputs": [[6, 7]]})).await;
    ids.expect(200);
}
