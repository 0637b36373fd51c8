//! A running server, over HTTP: the connection, and how failures are told. What is asked of it is in the modules
//! below, by area as in `local`.

mod accounts;
mod datasets;
mod events;
mod inference;
mod models;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use mofang_http::PageView;
use mofang_types::ErrorCode;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::{Method, Request, Response};

use super::{Backend, DoctorView};
use crate::exit::Failure;

/// How long a server may stay silent; evaluations and pulls run inside one request.
const TIMEOUT: Duration = Duration::from_mins(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Items of a page.
const PAGE_LIMIT: u32 = 500;

/// A server with the credential for it.
pub(crate) struct Remote {
    agent: ureq::Agent,
    url: String,
    bearer: Option<String>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What is sent.
#[derive(Debug)]
pub(crate) enum Body {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Value),
    /// Bytes of a media type.
    Bytes(Cow<'static, str>, Vec<u8>),
}

impl Remote {
    /// The server at `url`, asked with a key or a session's token where there is one.
    pub(crate) fn new(url: &str, bearer: Option<String>) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::bad_input(format!(
                "\"{url}\" is no address of a server; write it like http://127.0.0.1:8080"
            ))
            .into());
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("mofang/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, url, bearer })
    }

    /// Sends a request and reads the JSON of its answer; `null` when the answer is empty.
    pub(crate) fn send(&self, method: Method, path: &str, body: Body) -> anyhow::Result<Value> {
        let mut answer = self.ask(method, path, "application/json", body)?;
        let bytes = self.read_whole(&mut answer)?;
        if answer.status().is_success() {
            if bytes.is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_slice(&bytes)
                .with_context(|| format!("failed to understand the server's answer to {path}"));
        }
        Err(self.refusal(answer.status().as_u16(), &bytes).into())
    }

    /// Sends a request; the body of its answer is not read yet.
    fn ask(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Body,
    ) -> anyhow::Result<Response<ureq::Body>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        request = request.header("accept", accept);
        let asked = || self.asked();
        let answer = match body {
            Body::Empty => self.agent.run(request.body(()).with_context(asked)?),
            Body::Json(value) => {
                let bytes = serde_json::to_vec(&value).context("failed to write JSON")?;
                let request = request
                    .header("content-type", "application/json")
                    .body(bytes);
                self.agent.run(request.with_context(asked)?)
            }
            Body::Bytes(media_type, bytes) => {
                let request = request
                    .header("content-type", media_type.as_ref())
                    .body(bytes);
                self.agent.run(request.with_context(asked)?)
            }
        };
        answer
            .map_err(|error| Failure::new(ErrorCode::Unavailable, error.to_string()))
            .with_context(asked)
    }

    fn read_whole(&self, answer: &mut Response<ureq::Body>) -> anyhow::Result<Vec<u8>> {
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        body.read_to_vec().with_context(|| self.asked())
    }

    fn asked(&self) -> String {
        format!("failed to ask the server {}", self.url)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        read(self.send(Method::GET, path, Body::Empty)?, path)
    }

    fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, path, Body::Empty).map(|_| ())
    }

    /// Every page of a listing.
    fn all<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut page = format!("{path}?limit={PAGE_LIMIT}");
            if let Some(after) = &after {
                page.push_str("&after=");
                page.push_str(&escape(after));
            }
            let answer: PageView<T> = self.get(&page)?;
            items.extend(answer.items);
            if answer.next.is_none() {
                return Ok(items);
            }
            after = answer.next;
        }
    }

    /// A problem of RFC 9457 as an error; the code is the server's own where it gave one.
    fn refusal(&self, status: u16, bytes: &[u8]) -> Failure {
        let problem: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |key: &str| problem.get(key).and_then(Value::as_str);
        let code = text("code")
            .and_then(|code| serde_json::from_value(Value::from(code)).ok())
            .unwrap_or_else(|| code_of_status(status));
        let said = text("detail")
            .or_else(|| text("title"))
            .unwrap_or("it gave no reason");
        let lacks_key = code == ErrorCode::Unauthenticated && self.bearer.is_none();
        let hint = if lacks_key {
            "; give a key with MOFANG_API_KEY or --api-key-file"
        } else {
            ""
        };
        let request = text("request_id")
            .map(|id| format!(", request {id}"))
            .unwrap_or_default();
        Failure::new(code, format!("{said}{hint} (status {status}{request})"))
    }
}

/// The code of a status, for servers in between that know no codes of ours.
fn code_of_status(status: u16) -> ErrorCode {
    match status {
        400 | 422 => ErrorCode::InvalidInput,
        401 => ErrorCode::Unauthenticated,
        403 => ErrorCode::Forbidden,
        404 => ErrorCode::NotFound,
        409 => ErrorCode::Conflict,
        413 => ErrorCode::PayloadTooLarge,
        415 => ErrorCode::UnsupportedMediaType,
        429 => ErrorCode::TooManyRequests,
        503 => ErrorCode::Unavailable,
        504 => ErrorCode::Timeout,
        _ => ErrorCode::Internal,
    }
}

fn read<T: DeserializeOwned>(value: Value, path: &str) -> anyhow::Result<T> {
    serde_json::from_value(value)
        .with_context(|| format!("failed to understand the server's answer to {path}"))
}

/// A part of a path or a query, percent-encoded (RFC 3986 §2.3).
fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

impl Backend for Remote {
    fn doctor(&self) -> anyhow::Result<DoctorView> {
        self.get("/v1/doctor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_path_are_escaped() {
        assert_eq!(escape("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
    }

    #[test]
    fn an_address_needs_a_scheme() {
        assert!(Remote::new("127.0.0.1:8080", None).is_err());
        assert_eq!(Remote::new("http://h:1/", None).unwrap().url, "http://h:1");
    }

    #[test]
    fn a_problem_keeps_its_code_and_its_request() {
        let remote = Remote::new("http://h:1", None).unwrap();
        let problem =
            br#"{"code":"not_found","detail":"there is no model \"digit\"","request_id":"r1"}"#;
        let error = anyhow::Error::new(remote.refusal(404, problem));
        assert_eq!(crate::exit::code_of(&error), ErrorCode::NotFound);
        assert_eq!(
            error.to_string(),
            "there is no model \"digit\" (status 404, request r1)"
        );
        let bare = anyhow::Error::new(remote.refusal(502, b"<html>"));
        assert_eq!(crate::exit::code_of(&bare), ErrorCode::Internal);
    }
}
