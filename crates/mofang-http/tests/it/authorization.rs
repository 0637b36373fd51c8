//! Every route as every caller, against `authorization.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use hyper::Method;
use mofang_accounts::{Role, Scope};
use mofang_testing::{TestApp, TestResponse};

const TABLE: &str = include_str!("authorization.toml");

const CALLERS: [&str; 6] = [
    "anonymous",
    "viewer",
    "caller",
    "editor",
    "admin",
    "infer_key",
];

/// The callers that a heading of the table lets in.
fn admitted(heading: &str) -> &'static [&'static str] {
    match heading {
        "everybody" => &CALLERS,
        "authenticated" | "viewer and above, infer_key" => &CALLERS[1..],
        "viewer and above, not infer_key" => &CALLERS[1..5],
        "caller and above, infer_key" => &CALLERS[2..],
        "editor and above" => &CALLERS[3..5],
        "admin" => &CALLERS[4..5],
        other => panic!("the table has an unknown heading {other:?}"),
    }
}

/// A path that names things which do not exist, so that nothing happens to whoever is let in.
fn filled(path: &str) -> String {
    path.replace("{model}", "ghost")
        .replace("{reference}", "ghost")
        .replace("{selector}", "7")
        .replace("{version}", "7")
        .replace("{alias}", "nowhere")
        .replace("{tag}", "color")
        .replace("{id}", "00000000-0000-7000-8000-000000000000")
        .replace("{name}", "ghost")
        .replace("{file}", "index.html")
}

async fn send(app: &TestApp, method: &str, path: &str, token: Option<&str>) -> TestResponse {
    let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
    // Not from this machine, for which the documents are open.
    let stranger = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
    let mut request = app.request(method, &filled(path)).from_address(stranger);
    if let Some(token) = token {
        request = request.bearer(token);
    }
    request.send().await
}

/// The guard's own refusals; a wrong password is told apart by its text.
fn is_refused(response: &TestResponse) -> bool {
    matches!(response.status, 401 | 403)
}

#[tokio::test]
async fn sec_16_every_route_admits_exactly_the_callers_of_the_table() {
    let app = TestApp::new().await;
    let infer_key = app.key(&[Scope::Infer], None).await.unwrap();
    let token = |caller: &str| match caller {
        "anonymous" => None,
        "viewer" => Some(app.user(Role::Viewer).token.clone()),
        "caller" => Some(app.user(Role::Caller).token.clone()),
        "editor" => Some(app.user(Role::Editor).token.clone()),
        "admin" => Some(app.user(Role::Admin).token.clone()),
        _ => Some(infer_key.clone()),
    };
    let table: BTreeMap<String, Vec<String>> = toml::from_str(TABLE).unwrap();
    let mut faults = Vec::new();
    for (heading, routes) in &table {
        for route in routes {
            let (method, path) = route.split_once(' ').unwrap();
            for caller in CALLERS {
                let response = send(&app, method, path, token(caller).as_deref()).await;
                let expected = admitted(heading).contains(&caller);
                let refused = is_refused(&response);
                let right_refusal =
                    !refused || response.status == if caller == "anonymous" { 401 } else { 403 };
                if refused == expected || !right_refusal || response.status >= 500 {
                    faults.push(format!("{route} as {caller}: {}", response.status));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn sec_16_every_route_has_a_row() {
    let app = TestApp::new().await;
    let admin = &app.user(Role::Admin).key;
    let document = app
        .get("/openapi.json")
        .bearer(admin)
        .send()
        .await
        .expect(200)
        .json();
    let declared: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let table: BTreeMap<String, Vec<String>> = toml::from_str(TABLE).unwrap();
    let listed: BTreeSet<String> = table.values().flatten().cloned().collect();
    assert_eq!(declared, listed);
    assert_eq!(listed.len(), table.values().map(Vec::len).sum::<usize>());
}

#[tokio::test]
async fn sec_3_undeclared_methods_are_not_allowed() {
    let app = TestApp::new().await;
    let admin = &app.user(Role::Admin).key;
    let table: BTreeMap<String, Vec<String>> = toml::from_str(TABLE).unwrap();
    let listed: BTreeSet<&String> = table.values().flatten().collect();
    let paths: BTreeSet<&str> = listed
        .iter()
        .filter_map(|route| route.split_once(' '))
        .map(|(_, path)| path)
        .collect();
    for path in paths {
        for method in ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"] {
            if listed.contains(&format!("{method} {path}")) {
                continue;
            }
            let response = send(&app, method, path, Some(admin)).await;
            assert_eq!(response.status, 405, "{method} {path}");
            assert!(!response.header("allow").is_empty(), "{method} {path}");
            if path.starts_with("/v2") {
                assert!(response.json()["error"].is_string(), "{method} {path}");
            } else if path.starts_with("/openai") {
                assert_eq!(response.json()["error"]["code"], "method_not_allowed");
            } else if matches!(path, "/invocations" | "/ping") {
                assert_eq!(response.json()["error_code"], "BAD_REQUEST");
            } else {
                assert_eq!(response.json()["code"], "method_not_allowed");
            }
        }
    }
}
