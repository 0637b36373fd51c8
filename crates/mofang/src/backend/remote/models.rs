//! Models, their versions and aliases, on a server.

use anyhow::Context as _;
use mofang_registry::VersionDiff;
use mofang_types::{AliasName, ArtifactDigest, ModelName, ModelReference, Selector};
use serde_json::json;
use ureq::http::Method;

use super::{Body, Remote, escape, read};
use crate::backend::{
    AliasMoveView, CardView, ImportedView, ModelView, Models, Submission, VersionView,
};

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

fn version_path(reference: &ModelReference) -> String {
    format!(
        "/v1/models/{}/versions/{}",
        reference.model, reference.selector
    )
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
