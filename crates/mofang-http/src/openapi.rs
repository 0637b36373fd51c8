//! The OpenAPI document, made from the route declarations, and the page that shows it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mofang_types::ErrorCode;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_swagger_ui::{Config, SwaggerFile};

use crate::problem::Problem;
use crate::{ApiError, AppState};

/// The name of the cookie with the session's token.
pub(crate) const SESSION_COOKIE: &str = "__Host-mofang-session";

/// The document before any route is in it. Its version is that of the interface, not of the build.
pub(crate) fn base() -> OpenApi {
    let bearer = SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("an API key (`mf_…`) or the token of a session"))
            .build(),
    );
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
        SESSION_COOKIE,
        "the cookie of a session; changes also need the header X-CSRF-Token",
    )));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Mofang")
                .version("1")
                .description(Some(
                    "Train, version and serve models. Errors are problem documents (RFC 9457) with a code and a request id.",
                ))
                .build(),
        )
        .components(Some(
            ComponentsBuilder::new()
                .schema(Problem::name(), Problem::schema())
                .security_scheme("bearer", bearer)
                .security_scheme("cookie", cookie)
                .build(),
        ))
        .build()
}

/// The OpenAPI document of this server.
#[utoipa::path(get, path = "/openapi.json", tag = "server", responses((status = 200, description = "the OpenAPI document", content_type = "application/json")))]
pub(crate) async fn openapi_json(State(state): State<Arc<AppState>>) -> Response {
    let document = state.openapi.get().cloned().unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], document).into_response()
}

/// The page that shows the OpenAPI document.
#[utoipa::path(get, path = "/docs", tag = "server", responses((status = 303, description = "the page is at /docs/")))]
pub(crate) async fn docs() -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, "/docs/")]).into_response()
}

/// The first file of the page.
#[utoipa::path(get, path = "/docs/", tag = "server", responses((status = 200, description = "the page", content_type = "text/html")))]
pub(crate) async fn docs_index() -> Result<Response, ApiError> {
    file("index.html")
}

/// A file of the page; all of them are part of the binary.
#[utoipa::path(get, path = "/docs/{file}", tag = "server", params(("file" = String, Path, description = "the name of the file")), responses((status = 200, description = "the file")))]
pub(crate) async fn docs_file(Path(name): Path<String>) -> Result<Response, ApiError> {
    file(&name)
}

/// Scripts come from here only and there is no inline one; the page styles its elements inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self' data:; connect-src 'self'; \
                      object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn file(name: &str) -> Result<Response, ApiError> {
    let config = Arc::new(
        Config::from("/openapi.json")
            .use_base_layout()
            .validator_url("none"),
    );
    let found = utoipa_swagger_ui::serve(name, config)
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let SwaggerFile {
        bytes,
        content_type,
        ..
    } = found.ok_or_else(|| ApiError::new(ErrorCode::NotFound, "the page has no such file"))?;
    let mut response = Response::new(Body::from(bytes.into_owned()));
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}
