//! gRPC behind a socket: what is no HTTP/2, methods that are not there, and an orderly end.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use mofang_accounts::Role;
use mofang_http::ServerSettings;
use mofang_testing::{TestApp, TestServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A message of no bytes, as gRPC frames it.
const EMPTY: &[u8] = &[0; 5];

async fn connect(server: &TestServer) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

fn request(method: &str, path: &str, key: &str) -> hyper::Request<()> {
    hyper::Request::builder()
        .method(method)
        .uri(format!("http://a{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {key}"))
        .body(())
        .unwrap()
}

/// The status in the headers or the trailers, with its message.
async fn status(client: &mut SendRequest<Bytes>, request: hyper::Request<()>) -> (String, String) {
    let (response, mut body) = client.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(EMPTY), true).unwrap();
    let response = tokio::time::timeout(Duration::from_secs(5), response)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert!(response.headers().contains_key("x-request-id"));
    let mut headers = response.headers().clone();
    let mut body = response.into_body();
    while body.data().await.is_some() {}
    headers.extend(body.trailers().await.unwrap().unwrap_or_default());
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    (text("grpc-status"), text("grpc-message"))
}

#[tokio::test]
async fn methods_answer_and_those_that_are_not_there_say_so() {
    let app = TestApp::new().await;
    let server = app.listen_grpc(ServerSettings::default()).await.unwrap();
    let key = &app.user(Role::Caller).key;
    let mut client = connect(&server).await;
    let service = "/inference.GRPCInferenceService";
    for (method, path, code, said) in [
        ("POST", format!("{service}/ServerLive"), "0", ""),
        ("POST", format!("{service}/ModelInfer"), "3", ""),
        ("POST", format!("{service}/TraceSetting"), "12", "tracing"),
        (
            "POST",
            format!("{service}/SystemSharedMemoryStatus"),
            "12",
            "shared%20memory",
        ),
        (
            "POST",
            "/other.Service/Method".to_owned(),
            "12",
            "no%20such%20method",
        ),
        ("PUT", format!("{service}/ServerLive"), "12", ""),
    ] {
        let (found, message) = status(&mut client, request(method, &path, key)).await;
        assert_eq!(found, code, "{path}: {message}");
        assert!(message.contains(said), "{path}: {message}");
    }
    let (found, _) = status(
        &mut client,
        request("POST", &format!("{service}/ModelInfer"), "mf_wrong"),
    )
    .await;
    assert_eq!(found, "16");
    server.stop().await;
}

#[tokio::test]
async fn rel_5_what_does_not_begin_as_http2_is_closed() {
    let app = TestApp::new().await;
    let settings = ServerSettings {
        header_timeout_seconds: 1,
        ..ServerSettings::default()
    };
    let server = app.listen_grpc(settings).await.unwrap();
    for begin in [&b""[..], b"PRI * HT", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(begin).await.unwrap();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(4), stream.read_to_end(&mut answer));
        // A connection that is reset is closed, too.
        let _ = closed.await.expect("the connection is open still");
        assert!(answer.is_empty(), "{answer:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn rel_14_streams_without_an_end_of_their_own_end_at_shutdown() {
    let app = TestApp::new().await;
    let mut server = app.listen_grpc(ServerSettings::default()).await.unwrap();
    let key = &app.user(Role::Caller).key;
    let mut client = connect(&server).await;
    let path = "/inference.GRPCInferenceService/ModelStreamInfer";
    let (response, open) = client
        .send_request(request("POST", path, key), false)
        .unwrap();
    let mut body = response.await.unwrap().into_body();
    app.state.begin_shutdown();
    server.begin_shutdown();
    while body.data().await.is_some() {}
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "14");
    drop((client, open, body));
    let outcome = tokio::time::timeout(Duration::from_secs(5), server.stop()).await;
    assert_eq!(outcome.expect("the server did not end").cut_connections, 0);
}
