//! Requests and answers of the test application.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request};
use mofang_http::{PeerAddress, Router};
use serde_json::Value;
use tower::ServiceExt as _;

/// A request to be sent.
#[derive(Debug)]
pub struct TestRequest {
    router: Router,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    peer: IpAddr,
}

impl TestRequest {
    pub(crate) fn new(router: Router, method: Method, path: &str) -> Self {
        Self {
            router,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Authenticates with an API key or the token of a session.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Sends these bytes as this media type.
    #[must_use]
    pub fn body(mut self, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.body = bytes.into();
        self.header(CONTENT_TYPE.as_str(), media_type)
    }

    /// Sends JSON.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    /// Comes from this address in place of this machine.
    #[must_use]
    pub fn from_address(mut self, peer: IpAddr) -> Self {
        self.peer = peer;
        self
    }

    /// Sends the request and waits for the whole answer.
    ///
    /// # Panics
    /// When the request is malformed.
    pub async fn send(self) -> TestResponse {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request
            .body(Full::new(self.body))
            .unwrap_or_else(|error| panic!("{}: {error}", self.path));
        request.extensions_mut().insert(PeerAddress(self.peer));
        let response = match self.router.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        let bytes = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => panic!("{}: the answer broke off: {error}", self.path),
        };
        TestResponse {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: bytes,
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct TestResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl TestResponse {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The same answer, once its status is checked.
    ///
    /// # Panics
    /// When the status is another.
    #[expect(
        clippy::return_self_not_must_use,
        reason = "often the status is all there is to check"
    )]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}
