//! `POST /v1/models/{model}/versions`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use mofang_artifacts::PackageDraft;
use mofang_import::{ImportFile, ImportOptions, ImportReport, ImportRequest, is_step};
use mofang_registry::PublishRequest;
use mofang_types::{AliasName, ErrorCode, ModelName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::VersionView;
use crate::auth::Caller;
use crate::body::{form, read_body, refused_form};
use crate::extract::{ApiPath, media_type, parse_json};
use crate::{ApiError, AppState};

/// Longest name of a file that is kept.
const FILE_NAME_LENGTH_MAX: usize = 120;

/// Most files of a model.
const FILES_MAX: usize = 32;

/// Files with what is said of them.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the fields of the form, for the document")]
pub(crate) struct ImportForm {
    /// The file: PyTorch's (.pth, .pt, .th, .bin), safetensors or ONNX. A model of transformers or
    /// sentence-transformers has several, each a field of this name: `config.json`, `tokenizer.json`,
    /// `model.safetensors`, and `modules.json` with `1_Pooling/config.json`.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What the file does not tell, as JSON: `architecture`, `architecture_config`, `image_shape`,
    /// `classes`, `task` (`tensor` serves an ONNX model as it is), `preset` (`imagenet`, `inception` or
    /// `plain`), `mean`, `std`, `labels`, `license`, `source`, `description`.
    #[schema(example = "{\"preset\": \"imagenet\", \"license\": \"BSD-3-Clause\"}")]
    options: Option<String>,
    /// The aliases that shall name the version, with commas between.
    #[schema(example = "production")]
    aliases: Option<String>,
    /// What to remember about the version.
    note: Option<String>,
}

/// The version that a file became.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportedView {
    /// The version.
    pub version: VersionView,
    /// What was found in the file, and what was assumed: `warnings` is for people.
    #[schema(value_type = Object)]
    pub report: ImportReport,
}

/// Makes a version of a file that another tool wrote. One import runs at a time.
#[utoipa::path(
    post, path = "/v1/models/{model}/versions", tag = "models", operation_id = "import_version",
    params(("model" = String, Path, description = "the model; made when it does not exist")),
    request_body(content = ImportForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "the version", body = ImportedView)),
)]
pub(crate) async fn import_version(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    ApiPath(model): ApiPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ImportedView>), ApiError> {
    let model: ModelName = model.parse()?;
    if media_type(&headers).as_deref() != Some("multipart/form-data") {
        return Err(ApiError::new(
            ErrorCode::UnsupportedMediaType,
            "the body has to be multipart/form-data with the field file",
        ));
    }
    // Before the body is read: a file and the package that it becomes are in memory at once.
    let permit = Arc::clone(&state.imports)
        .try_acquire_owned()
        .map_err(|_| {
            ApiError::new(
                ErrorCode::Overloaded,
                "another import is running; try again later",
            )
            .retry_after(Duration::from_secs(10))
        })?;
    let settings = &state.settings;
    let limit = settings.import_limit_bytes;
    let body = read_body(&headers, body, limit, settings.body_timeout()).await?;
    let submission = Submission::read(&headers, body).await?;
    let created_unix_ms = state.clock.now_unix_ms();
    let placement = state.runtime.placement.clone();
    let Submission {
        files,
        options,
        aliases,
        note,
    } = submission;
    let import = tokio::task::spawn_blocking(move || {
        let files: Vec<ImportFile<'_>> = files
            .iter()
            .map(|(name, bytes)| ImportFile { name, bytes })
            .collect();
        let import = mofang_import::import(&ImportRequest {
            files: &files,
            options: &options,
            created_unix_ms,
            placement: &placement,
        });
        (permit, import)
    });
    let (_permit, import) = import.await.map_err(ApiError::internal)?;
    let import = import?;
    let draft = PackageDraft {
        manifest: import.manifest,
        files: import.files,
    };
    let mut request = PublishRequest::new(model, draft, caller.actor());
    request.aliases = aliases;
    request.note = note;
    let version = state.registry.publish(request).await?;
    let view = ImportedView {
        version: version.into(),
        report: import.report,
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// The parts of the form.
struct Submission {
    files: Vec<(String, Bytes)>,
    options: ImportOptions,
    aliases: Vec<AliasName>,
    note: String,
}

impl Submission {
    async fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, ApiError> {
        let mut form = form(headers, body).await?;
        let mut files: Vec<(String, Bytes)> = Vec::new();
        let mut options = ImportOptions::default();
        let mut aliases = Vec::new();
        let mut note = String::new();
        while let Some(field) = form.next_field().await.map_err(refused_form)? {
            match field.name() {
                Some("file") if files.len() == FILES_MAX => {
                    let message = format!("the form has more than {FILES_MAX} files");
                    return Err(ApiError::invalid(message));
                }
                Some("file") => {
                    let name = path_in_folder(field.file_name().unwrap_or_default());
                    if files.iter().any(|(other, _)| *other == name) {
                        let message = format!("the form has more than one file \"{name}\"");
                        return Err(ApiError::invalid(message));
                    }
                    files.push((name, field.bytes().await.map_err(refused_form)?));
                }
                Some("options") => {
                    options = parse_json(&field.bytes().await.map_err(refused_form)?)?;
                }
                Some("aliases") => {
                    let text = field.text().await.map_err(refused_form)?;
                    for alias in text
                        .split(',')
                        .map(str::trim)
                        .filter(|alias| !alias.is_empty())
                    {
                        aliases.push(alias.parse()?);
                    }
                }
                Some("note") => note = field.text().await.map_err(refused_form)?,
                _ => {
                    return Err(ApiError::invalid(
                        "the form has a field that is none of file, options, aliases and note",
                    ));
                }
            }
        }
        if files.is_empty() {
            return Err(ApiError::invalid("the form has no field file with a file"));
        }
        Ok(Self {
            files,
            options,
            aliases,
            note,
        })
    }
}

/// The name without folders but that of a step of sentence-transformers (`1_Pooling/config.json`).
fn path_in_folder(name: &str) -> String {
    let folder = name.rsplit(['/', '\\']).nth(1).unwrap_or_default();
    let base = base_name(name);
    if is_step(folder) && folder.len() <= FILE_NAME_LENGTH_MAX {
        format!("{folder}/{base}")
    } else {
        base
    }
}

/// The name without folders and without what a terminal would act on.
fn base_name(name: &str) -> String {
    let name: String = name
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|character| !character.is_control())
        .take(FILE_NAME_LENGTH_MAX)
        .collect();
    if name.is_empty() {
        "file".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_has_no_folders_and_no_control_characters() {
        assert_eq!(base_name("../../etc/model.pth"), "model.pth");
        assert_eq!(base_name("C:\\models\\m\u{1B}[2J.pth"), "m[2J.pth");
        assert_eq!(base_name("a/"), "file");
        assert_eq!(
            path_in_folder("../1_Pooling/config.json"),
            "1_Pooling/config.json"
        );
        assert_eq!(path_in_folder("onnx/model.pth"), "model.pth");
        assert_eq!(base_name(&"x".repeat(1000)).len(), FILE_NAME_LENGTH_MAX);
    }
}
