//! The server behind a socket: slow clients, large declarations, and an orderly end.

use std::time::{Duration, Instant};

use mofang_accounts::Role;
use mofang_http::ServerSettings;
use mofang_testing::{TestApp, TestAppBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn quick() -> ServerSettings {
    ServerSettings {
        header_timeout_seconds: 1,
        ..ServerSettings::default()
    }
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that was reset has said what it had to say.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "this is about the wall's clock")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn rel_5_rel_23_slow_headers_are_cut_and_others_are_served() {
    let app = TestApp::new().await;
    let server = app.listen(quick()).await.unwrap();
    let start = now();
    let mut slow = Vec::new();
    for begin in [&b""[..], b"G", b"GET /healthz HTTP/1.1\r\nhost: a\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(begin).await.unwrap();
        slow.push(stream);
    }
    let mut quick = TcpStream::connect(server.address).await.unwrap();
    quick
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let answer = read_all(&mut quick).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        !answer.to_ascii_lowercase().contains("\r\nserver:"),
        "{answer}"
    );
    for stream in &mut slow {
        let answer = read_all(stream).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    server.stop().await;
}

#[tokio::test]
async fn rel_5_a_body_that_stops_is_given_up() {
    let mut builder = TestAppBuilder::default();
    builder.http.body_timeout_seconds = 1;
    let app = builder.build().await.unwrap();
    let server = app.listen(ServerSettings::default()).await.unwrap();
    let key = &app.user(Role::Caller).key;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /v1/models/digits/predict HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n\
         content-type: image/png\r\ncontent-length: 1000\r\n\r\nabc"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let start = now();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    server.stop().await;
}

#[tokio::test]
async fn a_declared_body_of_100_mb_is_refused_before_it_is_sent() {
    let app = TestApp::new().await;
    let server = app.listen(ServerSettings::default()).await.unwrap();
    let key = &app.user(Role::Caller).key;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /v1/models/digits/predict HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n\
         content-type: image/png\r\ncontent-length: 104857600\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn rel_14_what_runs_at_shutdown_ends_and_nothing_new_begins() {
    let mut builder = TestAppBuilder::default();
    builder.serving.max_queue_delay = Duration::from_millis(500);
    let app = builder.build().await.unwrap();
    let mut server = app.listen(ServerSettings::default()).await.unwrap();
    let key = &app.user(Role::Caller).key;
    let body = serde_json::json!({ "shape": [1, 8, 8], "data": vec![0.0; 64] }).to_string();
    let request = format!(
        "POST /v1/models/digits/predict HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut running = TcpStream::connect(server.address).await.unwrap();
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    running.write_all(request.as_bytes()).await.unwrap();
    while app.serving.snapshot().in_flight == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.state.begin_shutdown();
    app.get("/readyz").send().await.expect(503);
    let address = server.address;
    server.begin_shutdown();
    let answer = read_all(&mut running).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(read_all(&mut idle).await, "");
    assert_eq!(server.stop().await.cut_connections, 0);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "the listener is open still"
    );
}
