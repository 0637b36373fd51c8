//! Models, versions and aliases over HTTP.

use mofang_accounts::Role;
use mofang_testing::TestApp;
use serde_json::json;

#[tokio::test]
async fn an_alias_moves_comes_back_and_remembers() {
    let app = TestApp::new().await;
    app.publish("digits", 1).await.unwrap();
    let editor = &app.user(Role::Editor).key;
    let alias = "/v1/models/digits/aliases/production";
    let to_two = json!({ "version": 2, "expected_version": 1 });
    let moved = app
        .put(alias)
        .bearer(editor)
        .json(&to_two)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&moved["from_version"], &moved["to_version"]),
        (&json!(1), &json!(2))
    );
    // Somebody else moved it meanwhile: what was expected no longer holds.
    app.put(alias)
        .bearer(editor)
        .json(&to_two)
        .send()
        .await
        .expect(409);

    let path = "/v1/models/digits@production";
    let card = app.get(path).bearer(editor).send().await.expect(200).json();
    assert_eq!(card["version"], 2);
    assert_eq!(card["aliases"], json!(["production"]));
    // A version that an alias names cannot be deleted.
    let two = "/v1/models/digits/versions/2";
    app.delete(two).bearer(editor).send().await.expect(409);

    let back = app
        .post(&format!("{alias}/rollback"))
        .bearer(editor)
        .send()
        .await;
    assert_eq!(back.expect(200).json()["to_version"], 1);
    let history = app
        .get(&format!("{alias}/history"))
        .bearer(editor)
        .send()
        .await;
    assert_eq!(
        history.expect(200).json()["items"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    app.delete(two).bearer(editor).send().await.expect(204);
    app.get(two).bearer(editor).send().await.expect(404);
    app.delete(alias).bearer(editor).send().await.expect(204);
    app.get(path).bearer(editor).send().await.expect(404);
}

#[tokio::test]
async fn versions_are_tagged_compared_and_deleted_with_their_model() {
    let app = TestApp::new().await;
    app.publish("digits", 1).await.unwrap();
    let editor = &app.user(Role::Editor).key;
    let tag = "/v1/models/digits/versions/latest/tags/reviewed";
    let value = json!({ "value": "by ada" });
    app.put(tag)
        .bearer(editor)
        .json(&value)
        .send()
        .await
        .expect(204);
    let card = app
        .get("/v1/models/digits/versions/2")
        .bearer(editor)
        .send()
        .await;
    assert_eq!(card.expect(200).json()["tags"]["reviewed"], "by ada");
    app.delete(tag).bearer(editor).send().await.expect(204);
    app.delete(tag).bearer(editor).send().await.expect(404);

    let path = "/v1/models/digits/diff?from=1&to=latest";
    let diff = app.get(path).bearer(editor).send().await.expect(200).json();
    assert_eq!(diff["weights"]["identical"], false);
    assert!(!diff["weights"]["tensors"].as_array().unwrap().is_empty());
    app.get("/v1/models/digits/diff?from=1")
        .bearer(editor)
        .send()
        .await
        .expect(400);

    let admin = &app.user(Role::Admin).key;
    app.delete("/v1/models/digits")
        .bearer(admin)
        .send()
        .await
        .expect(204);
    app.get("/v1/models/digits")
        .bearer(admin)
        .send()
        .await
        .expect(404);
}

#[tokio::test]
async fn listings_come_in_pages() {
    let app = TestApp::new().await;
    for seed in 1..=4 {
        app.publish("digits", seed).await.unwrap();
    }
    let viewer = &app.user(Role::Viewer).key;
    let mut numbers = Vec::new();
    let mut path = "/v1/models/digits/versions?limit=2".to_owned();
    loop {
        let page = app
            .get(&path)
            .bearer(viewer)
            .send()
            .await
            .expect(200)
            .json();
        for version in page["items"].as_array().unwrap() {
            numbers.push(version["version"].as_u64().unwrap());
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/models/digits/versions?limit=2&after={next}");
    }
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    app.get("/v1/models/digits/versions?after=nonsense")
        .bearer(viewer)
        .send()
        .await
        .expect(400);
}

#[tokio::test]
async fn every_change_is_in_the_audit_log() {
    let app = TestApp::new().await;
    let editor = app.user(Role::Editor);
    let alias = "/v1/models/digits/aliases/staging";
    let body = json!({ "version": 1 });
    app.put(alias)
        .bearer(&editor.key)
        .json(&body)
        .send()
        .await
        .expect(200);
    let admin = &app.user(Role::Admin).key;
    let log = app
        .get("/v1/audit?action=alias.set")
        .bearer(admin)
        .send()
        .await
        .expect(200)
        .json();
    let entry = &log["items"][0];
    assert_eq!(entry["actor"], "editor");
    assert_eq!(entry["actor_id"], editor.id.as_str());
    assert_eq!(entry["subject"], "digits@staging");
}
