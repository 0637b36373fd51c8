//! What every response carries, whatever became of the request.

use mofang_accounts::Role;
use mofang_testing::TestApp;

#[tokio::test]
async fn sec_1_sec_27_security_headers_are_on_every_response() {
    let app = TestApp::new().await;
    let admin = &app.user(Role::Admin).key;
    for (path, status) in [
        ("/healthz", 200),
        ("/v1/models", 200),
        ("/v1/models/ghost", 404),
        ("/v1/models/NOT A NAME", 0),
        ("/nowhere", 404),
        ("/docs/", 200),
        ("/docs/swagger-ui-bundle.js", 200),
        ("/openapi.json", 200),
        ("/metrics", 200),
    ] {
        let path = path.replace(' ', "%20");
        let response = app.get(&path).bearer(admin).send().await;
        if status != 0 {
            assert_eq!(response.status, status, "{path}");
        }
        assert_eq!(
            response.header("x-content-type-options"),
            "nosniff",
            "{path}"
        );
        assert_eq!(response.header("cache-control"), "no-store", "{path}");
        assert_eq!(response.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(response.header("x-frame-options"), "DENY", "{path}");
        let hsts = response.header("strict-transport-security");
        assert_eq!(hsts, "max-age=31536000; includeSubDomains", "{path}");
        let policy = response.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        let media_type = response.header("content-type");
        assert!(
            media_type.ends_with("charset=utf-8"),
            "{path}: {media_type}"
        );
        assert_eq!(response.header("x-request-id").len(), 36, "{path}");
        assert_eq!(response.header("server"), "", "{path}");
    }
}

#[tokio::test]
async fn the_page_of_the_documents_is_whole_and_runs_no_inline_script() {
    let app = TestApp::new().await;
    let admin = &app.user(Role::Admin).key;
    let page = app.get("/docs/").bearer(admin).send().await.expect(200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self';"), "{policy}");
    let html = page.text();
    // Each script is a file of ours: what the policy allows is all that the page needs.
    for tag in html.split("<script").skip(1) {
        let tag = tag.split("</script>").next().unwrap_or_default();
        let (attributes, inline) = tag.split_once('>').unwrap();
        assert!(attributes.contains("src=\"./"), "{tag}");
        assert!(inline.trim().is_empty(), "{tag}");
    }
    let files = html
        .split(['"'])
        .filter_map(|text| text.strip_prefix("./"))
        .collect::<Vec<_>>();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let response = app.get(&format!("/docs/{file}")).bearer(admin).send().await;
        assert_eq!(response.status, 200, "{file}");
        assert!(!response.body.is_empty(), "{file}");
    }
    let script = app
        .get("/docs/swagger-initializer.js")
        .bearer(admin)
        .send()
        .await;
    assert!(script.expect(200).text().contains("\"/openapi.json\""));
}

#[tokio::test]
async fn a_problem_names_its_request_and_nothing_of_the_inside() {
    let app = TestApp::new().await;
    let response = app.get("/v1/models").send().await.expect(401);
    assert_eq!(
        response.header("content-type"),
        "application/problem+json; charset=utf-8"
    );
    assert!(response.header("www-authenticate").starts_with("Bearer"));
    let problem = response.json();
    assert_eq!(problem["status"], 401);
    assert_eq!(problem["code"], "unauthenticated");
    assert_eq!(problem["request_id"], response.header("x-request-id"));
}

#[tokio::test]
async fn sec_28_the_documents_are_open_to_this_machine_alone() {
    let app = TestApp::new().await;
    let stranger = "203.0.113.9".parse().unwrap();
    for path in ["/docs/", "/openapi.json"] {
        app.get(path).send().await.expect(200);
        app.get(path)
            .from_address(stranger)
            .send()
            .await
            .expect(401);
        let proxied = app.get(path).header("x-forwarded-for", "203.0.113.9");
        proxied.send().await.expect(401);
    }
}
