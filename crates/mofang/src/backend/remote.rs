//! A running server, over HTTP.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Context as _;
use mofang_data::{RawExample, SplitReference};
use mofang_http::PageView;
use mofang_http::view::{DatasetsView, PredictView};
use mofang_registry::VersionDiff;
use mofang_types::{
    AliasName, ArtifactDigest, ErrorCode, FinishReason, GeneratedText, GenerationOptions,
    ModelName, ModelReference, Selector,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::http::{Method, Request, Response};

use super::events::Events;
use super::{
    Accounts, AliasMoveView, Backend, CardView, CreatedKeyView, DatasetView, Datasets, DoctorView,
    EvaluationView, Generated, ImportedView, Inference, KeyView, ModelView, Models, NewKey,
    Predicted, Submission, UserView, VersionView,
};
use crate::exit::{CodedResult as _, Failure};

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

    /// A failure within an answer that began as a good one.
    fn late_refusal(&self, problem: &str) -> Failure {
        let json: Value = serde_json::from_str(problem).unwrap_or_default();
        let status = json.get("status").and_then(Value::as_u64);
        let status = status.and_then(|status| u16::try_from(status).ok());
        self.refusal(status.unwrap_or(500), problem.as_bytes())
    }

    fn user_id(&self, name: &str) -> anyhow::Result<String> {
        let users = self.users()?;
        users
            .iter()
            .find(|user| user.name == name)
            .map(|user| user.id.clone())
            .ok_or_else(|| {
                Failure::new(ErrorCode::NotFound, format!("there is no user \"{name}\"")).into()
            })
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

/// A form with files (RFC 7578).
fn form(submission: Submission) -> anyhow::Result<Body> {
    // No file holds the digest of all of them.
    let digests: Vec<String> = submission
        .files
        .iter()
        .map(|(_, bytes)| ArtifactDigest::of(bytes).to_string())
        .collect();
    let boundary = format!("mofang-{}", ArtifactDigest::of(digests.concat().as_bytes()));
    let options = serde_json::to_string(&submission.options).context("failed to write JSON")?;
    let aliases: Vec<String> = submission.aliases.into_iter().map(Into::into).collect();
    let length: usize = submission.files.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut body = Vec::with_capacity(length + 4096);
    for (name, value) in [
        ("options", options),
        ("aliases", aliases.join(",")),
        ("note", submission.note),
    ] {
        let part = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend_from_slice(part.as_bytes());
    }
    for (name, bytes) in submission.files {
        let file_name: String = name
            .chars()
            .map(|character| match character {
                '"' | '\\' => '_',
                _ if character.is_control() => '_',
                _ => character,
            })
            .collect();
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let media_type = format!("multipart/form-data; boundary={boundary}");
    Ok(Body::Bytes(media_type.into(), body))
}

fn version_path(reference: &ModelReference) -> String {
    format!(
        "/v1/models/{}/versions/{}",
        reference.model, reference.selector
    )
}

/// What a file to be predicted is sent as: what its first bytes say, and else a text, whose bytes the
/// server checks.
fn input_media_type(bytes: &[u8]) -> &'static str {
    const PNG: &[u8] = &[0x89, b'P', b'N', b'G'];
    const BMP: &[u8] = b"BM";
    match media_type(bytes) {
        "image/png" if !bytes.starts_with(PNG) && bytes.starts_with(BMP) && bytes.contains(&0) => {
            "image/bmp"
        }
        "image/png" if !bytes.starts_with(PNG) && std::str::from_utf8(bytes).is_ok() => {
            "text/plain"
        }
        known => known,
    }
}

/// The media type by the first bytes; the server looks for itself anyway.
pub(crate) fn media_type(file: &[u8]) -> &'static str {
    if file.starts_with(&[0xff, 0xd8, 0xff]) {
        "image/jpeg"
    } else if file.starts_with(b"RIFF") {
        "audio/wav"
    } else if file.starts_with(b"fLaC") {
        "audio/flac"
    } else if file.starts_with(b"ID3") || file.starts_with(&[0xff]) {
        "audio/mpeg"
    } else {
        "image/png"
    }
}

impl Backend for Remote {
    fn doctor(&self) -> anyhow::Result<DoctorView> {
        self.get("/v1/doctor")
    }
}

impl Models for Remote {
    fn models(&self) -> anyhow::Result<Vec<ModelView>> {
        self.all("/v1/models")
    }

    fn card(&self, reference: &ModelReference) -> anyhow::Result<CardView> {
        self.get(&version_path(reference))
    }

    fn versions(&self, model: &ModelName) -> anyhow::Result<Vec<VersionView>> {
        self.all(&format!("/v1/models/{model}/versions"))
    }

    fn import(&self, model: &ModelName, submission: Submission) -> anyhow::Result<ImportedView> {
        let path = format!("/v1/models/{model}/versions");
        let body = form(submission)?;
        read(self.send(Method::POST, &path, body)?, &path)
    }

    fn diff(
        &self,
        model: &ModelName,
        from: &Selector,
        to: &Selector,
    ) -> anyhow::Result<VersionDiff> {
        self.get(&format!("/v1/models/{model}/diff?from={from}&to={to}"))
    }

    fn tag(&self, reference: &ModelReference, key: &str, value: &str) -> anyhow::Result<()> {
        let path = format!("{}/tags/{}", version_path(reference), escape(key));
        self.send(Method::PUT, &path, Body::Json(json!({ "value": value })))
            .map(|_| ())
    }

    fn untag(&self, reference: &ModelReference, key: &str) -> anyhow::Result<()> {
        self.delete(&format!("{}/tags/{}", version_path(reference), escape(key)))
    }

    fn set_alias(&self, alias: &AliasName, to: &ModelReference) -> anyhow::Result<AliasMoveView> {
        let path = format!("/v1/models/{}/aliases/{alias}", to.model);
        let version = match to.selector {
            Selector::Version(number) => number,
            Selector::Latest | Selector::Alias(_) => self.card(to)?.version.version,
        };
        let body = json!({ "version": version });
        read(self.send(Method::PUT, &path, Body::Json(body))?, &path)
    }

    fn delete_alias(&self, model: &ModelName, alias: &AliasName) -> anyhow::Result<()> {
        self.delete(&format!("/v1/models/{model}/aliases/{alias}"))
    }

    fn alias_history(
        &self,
        model: &ModelName,
        alias: &AliasName,
    ) -> anyhow::Result<Vec<AliasMoveView>> {
        self.all(&format!("/v1/models/{model}/aliases/{alias}/history"))
    }

    fn rollback(&self, model: &ModelName, alias: &AliasName) -> anyhow::Result<AliasMoveView> {
        let path = format!("/v1/models/{model}/aliases/{alias}/rollback");
        read(self.send(Method::POST, &path, Body::Empty)?, &path)
    }

    fn delete_version(&self, reference: &ModelReference) -> anyhow::Result<()> {
        self.delete(&version_path(reference))
    }

    fn delete_model(&self, model: &ModelName) -> anyhow::Result<()> {
        self.delete(&format!("/v1/models/{model}"))
    }
}

/// What an event tells of a text that goes on.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum TextEvent {
    /// How it ended, which is the last.
    Ending(Ending),
    /// A further piece of it.
    Piece {
        /// The piece.
        text: String,
    },
}

/// How a text ended.
#[derive(Debug, Deserialize)]
struct Ending {
    finish_reason: FinishReason,
    prompt_tokens: usize,
    completion_tokens: usize,
    seed: u64,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    version: Option<u32>,
}

impl Inference for Remote {
    fn predict(
        &self,
        reference: &ModelReference,
        example: RawExample,
        top_k: Option<usize>,
    ) -> anyhow::Result<Predicted> {
        let query = top_k
            .map(|top_k| format!("?top_k={top_k}"))
            .unwrap_or_default();
        let path = format!("/v1/models/{reference}/predict{query}");
        let body = match example {
            RawExample::Encoded(bytes) => Body::Bytes(input_media_type(&bytes).into(), bytes),
            RawExample::Pixels(pixels) => Body::Bytes("image/png".into(), pixels.to_png().coded()?),
            RawExample::Row(row) => Body::Json(json!({ "row": row.to_json() })),
            RawExample::Tensor(tensor) => {
                Body::Json(json!({ "shape": tensor.shape(), "data": tensor.data() }))
            }
            RawExample::Text(text) => Body::Json(json!({ "text": text })),
        };
        let answer: PredictView = read(self.send(Method::POST, &path, body)?, &path)?;
        let first = answer.predictions.into_iter().next().unwrap_or_default();
        if let Some(error) = first.error {
            return Err(Failure::bad_input(error.detail).into());
        }
        let warnings = first.warnings.clone();
        let prediction = first
            .into_prediction()
            .with_context(|| format!("{path} answered without a prediction"))?;
        Ok(Predicted {
            model: answer.model,
            version: answer.version,
            prediction,
            warnings,
        })
    }

    fn generate(
        &self,
        reference: &ModelReference,
        prompt: &str,
        options: &GenerationOptions,
        told: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> anyhow::Result<Generated> {
        let path = format!("/v1/models/{reference}/generate");
        let mut body = serde_json::to_value(options).context("failed to write JSON")?;
        body["prompt"] = prompt.into();
        body["stream"] = true.into();
        let mut answer = self.ask(Method::POST, &path, "text/event-stream", Body::Json(body))?;
        if !answer.status().is_success() {
            let bytes = self.read_whole(&mut answer)?;
            return Err(self.refusal(answer.status().as_u16(), &bytes).into());
        }
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let mut events = Events::new(body.reader());
        let mut text = String::new();
        while let Some(event) = events.next_event().with_context(|| self.asked())? {
            if event.name == "error" {
                return Err(self.late_refusal(&event.data).into());
            }
            let event: TextEvent = serde_json::from_str(&event.data)
                .with_context(|| format!("failed to understand the server's answer to {path}"))?;
            let ending = match event {
                TextEvent::Ending(ending) => ending,
                TextEvent::Piece { text: piece } => {
                    text.push_str(&piece);
                    if told(&piece).is_break() {
                        anyhow::bail!("the text was left before its end");
                    }
                    continue;
                }
            };
            return Ok(Generated {
                model: ending.model.unwrap_or_else(|| reference.model.to_string()),
                version: ending.version,
                generated: GeneratedText {
                    text,
                    finish_reason: ending.finish_reason,
                    prompt_tokens: ending.prompt_tokens,
                    completion_tokens: ending.completion_tokens,
                },
                seed: ending.seed,
                warnings: ending.warnings,
            });
        }
        let message = "the server's answer broke off before the text was over";
        Err(Failure::new(ErrorCode::Unavailable, message).into())
    }

    fn evaluate(
        &self,
        reference: &ModelReference,
        split: &SplitReference,
    ) -> anyhow::Result<EvaluationView> {
        let path = format!("/v1/models/{reference}/evaluate");
        let body = Body::Json(json!({ "dataset": split.to_string() }));
        read(self.send(Method::POST, &path, body)?, &path)
    }
}

impl Datasets for Remote {
    fn datasets(&self) -> anyhow::Result<Vec<DatasetView>> {
        let answer: DatasetsView = self.get("/v1/datasets")?;
        Ok(answer.items)
    }

    fn dataset(&self, name: &str) -> anyhow::Result<DatasetView> {
        self.get(&format!("/v1/datasets/{}", escape(name)))
    }

    fn pull(
        &self,
        name: &str,
        mirror: Option<&str>,
        _progress: &mut dyn FnMut(&str, u64, Option<u64>),
    ) -> anyhow::Result<()> {
        if mirror.is_some() {
            let message =
                "a server fetches files from their own addresses only: leave --mirror out";
            return Err(Failure::bad_input(message).into());
        }
        let path = format!("/v1/datasets/{}/pull", escape(name));
        self.send(Method::POST, &path, Body::Empty).map(|_| ())
    }

    fn verify(&self, name: &str) -> anyhow::Result<()> {
        let path = format!("/v1/datasets/{}/verify", escape(name));
        self.send(Method::POST, &path, Body::Empty).map(|_| ())
    }
}

impl Accounts for Remote {
    fn users(&self) -> anyhow::Result<Vec<UserView>> {
        self.all("/v1/users")
    }

    fn create_user(
        &self,
        name: &str,
        password: &str,
        role: Option<&str>,
    ) -> anyhow::Result<UserView> {
        let mut body = json!({ "name": name, "password": password });
        if let Some(role) = role {
            body["role"] = Value::from(role);
        }
        read(
            self.send(Method::POST, "/v1/users", Body::Json(body))?,
            "/v1/users",
        )
    }

    fn set_role(&self, name: &str, role: &str) -> anyhow::Result<()> {
        let path = format!("/v1/users/{}", self.user_id(name)?);
        self.send(Method::PATCH, &path, Body::Json(json!({ "role": role })))
            .map(|_| ())
    }

    fn set_disabled(&self, name: &str, disabled: bool) -> anyhow::Result<()> {
        let path = format!("/v1/users/{}", self.user_id(name)?);
        self.send(
            Method::PATCH,
            &path,
            Body::Json(json!({ "disabled": disabled })),
        )
        .map(|_| ())
    }

    fn set_password(
        &self,
        name: &str,
        current: Option<&str>,
        password: &str,
    ) -> anyhow::Result<()> {
        let Some(current) = current else {
            return Err(Failure::bad_input(
                "a server wants the present password as well: write it to stdin on a line before the new one",
            )
            .into());
        };
        let me: UserView = self.get("/v1/users/me")?;
        if me.name != name {
            return Err(Failure::new(
                ErrorCode::Forbidden,
                format!("this key belongs to \"{}\"; at a server everybody changes the own password only", me.name),
            )
            .into());
        }
        let body = json!({ "old_password": current, "new_password": password });
        self.send(Method::PUT, "/v1/users/me/password", Body::Json(body))
            .map(|_| ())
    }

    fn keys(&self) -> anyhow::Result<Vec<KeyView>> {
        self.all("/v1/keys")
    }

    fn create_key(&self, key: &NewKey) -> anyhow::Result<CreatedKeyView> {
        if key.user.is_some() {
            return Err(Failure::bad_input(
                "at a server everybody makes the own keys only: leave --user out",
            )
            .into());
        }
        let mut body = json!({ "name": key.name, "scopes": key.scopes });
        if let Some(expires) = key.expires_unix_ms {
            body["expires_unix_ms"] = Value::from(expires);
        }
        if let Some(requests) = key.requests_per_minute {
            body["requests_per_minute"] = Value::from(requests);
        }
        read(
            self.send(Method::POST, "/v1/keys", Body::Json(body))?,
            "/v1/keys",
        )
    }

    fn revoke_key(&self, id: &str) -> anyhow::Result<()> {
        self.delete(&format!("/v1/keys/{}", escape(id)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

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

    /// What a server that answers in these pieces makes of a request, what it was told piece by piece, and
    /// the request.
    fn generated(pieces: &'static [&'static str]) -> (anyhow::Result<Generated>, String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut buffer = [0; 4096];
                let length = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..length]);
            }
            for piece in pieces {
                // Who has heard enough may have gone.
                let _ = stream.write_all(piece.as_bytes());
            }
            String::from_utf8(request).unwrap()
        });
        let remote = Remote::new(&url, Some("mf_key".to_owned())).unwrap();
        let options = GenerationOptions {
            top_k: Some(3),
            ..GenerationOptions::default()
        };
        let mut told = String::new();
        let mut listen = |piece: &str| {
            told.push_str(piece);
            told.push('|');
            if piece == "enough" {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let reference: ModelReference = "stories@2".parse().unwrap();
        let answer = remote.generate(&reference, "Once", &options, &mut listen);
        (answer, told, server.join().unwrap())
    }

    const STREAM: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

    #[test]
    fn a_text_is_told_piece_by_piece() {
        let (answer, told, request) = generated(&[
            STREAM,
            "data: {\"text\": \" up",
            "on\"}\n\ndata: {\"text\": \"\"}\n\n",
            ": still here\n\ndata: {\"text\": \" a\"}\n\n",
            "data: {\"finish_reason\": \"length\", \"prompt_tokens\": 1, \"completion_tokens\": 3,",
            " \"seed\": 7, \"warnings\": [\"w\"]}\n\n",
        ]);
        assert!(request.starts_with("POST /v1/models/stories@2/generate "));
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            body,
            json!({ "prompt": "Once", "stream": true, "top_k": 3 })
        );
        assert_eq!(told, " upon|| a|");
        let answer = serde_json::to_value(answer.unwrap()).unwrap();
        let expected = json!({
            "model": "stories", "text": " upon a", "finish_reason": "length", "prompt_tokens": 1,
            "completion_tokens": 3, "seed": 7, "warnings": ["w"],
        });
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_text_that_fails_on_its_way_says_why() {
        let piece = "data: {\"text\": \"one\"}\n\n";
        let problem = "event: error\ndata: {\"code\": \"overloaded\", \"status\": 503,\n\
                       data: \"detail\": \"no room\"}\n\n";
        let refused = "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n\
                       {\"code\": \"not_found\", \"detail\": \"no such model\"}";
        for (pieces, code, part, heard) in [
            (
                vec![STREAM, piece, problem],
                ErrorCode::Overloaded,
                "no room (status 503)",
                "one|",
            ),
            (vec![refused], ErrorCode::NotFound, "no such model", ""),
            (
                vec![STREAM, piece],
                ErrorCode::Unavailable,
                "broke off",
                "one|",
            ),
            (
                vec![STREAM, "data: [DONE]\n\n"],
                ErrorCode::Internal,
                "failed to understand",
                "",
            ),
            (
                vec![STREAM, "data: {\"text\": \"enough\"}\n\n", piece],
                ErrorCode::Internal,
                "before its end",
                "enough|",
            ),
        ] {
            let (answer, told, _) = generated(pieces.leak());
            let error = answer.unwrap_err();
            assert_eq!(crate::exit::code_of(&error), code);
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(told, heard);
        }
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
