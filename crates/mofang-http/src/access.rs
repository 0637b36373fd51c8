//! Who may come in: the guard in front of each route.
//!
//! A route is declared with its [`Access`], and there is no way to declare one without. The same
//! declaration puts the security requirement into the OpenAPI document.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use mofang_accounts::Action;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::auth::{authenticate, has_credentials};
use crate::problem::PROBLEM_JSON;
use crate::{ApiError, AppState, HttpSettings, PeerAddress};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Public,
    /// Everybody; credentials are looked at when there are some, and have to be valid then.
    Anyone,
    /// Everybody whom the settings open the documents for, else whoever has valid credentials.
    Docs,
    /// Whoever may do this.
    Action(Action),
    /// Whoever may do one of these.
    Either(Action, Action),
}

/// The guard of a route that needs this access.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) state: Arc<AppState>,
    pub(crate) access: Access,
}

/// The routes behind their guard.
pub(crate) fn guarded(
    state: &Arc<AppState>,
    access: Access,
    (schemas, mut paths, methods): UtoipaMethodRouter<Arc<AppState>>,
) -> UtoipaMethodRouter<Arc<AppState>> {
    for item in paths.paths.values_mut() {
        for operation in operations(item) {
            describe(operation, access);
        }
    }
    let guard_state = Guard {
        state: Arc::clone(state),
        access,
    };
    let methods = methods.route_layer(from_fn_with_state(guard_state, guard));
    (schemas, paths, methods)
}

/// Lets a request pass whose caller has the access, with the caller for its handler to see.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Guard { state, access } = guard;
    let needs_credentials = match access {
        Access::Public => false,
        Access::Anyone => has_credentials(request.headers()),
        Access::Docs => !docs_are_open(&state.settings, &request),
        Access::Action(_) | Access::Either(..) => true,
    };
    if !needs_credentials {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let caller = match authenticate(&state, &parts) {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let label = caller.label().clone();
    let allowed = match access {
        Access::Action(action) => caller.principal().authorize(action),
        Access::Either(first, second) => caller
            .principal()
            .authorize(first)
            .or_else(|_| caller.principal().authorize(second)),
        Access::Public | Access::Anyone | Access::Docs => Ok(()),
    };
    let mut response = match allowed {
        Ok(()) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => ApiError::from(error).into_response(),
    };
    response.extensions_mut().insert(label);
    response
}

fn docs_are_open(settings: &HttpSettings, request: &Request) -> bool {
    let peer = request.extensions().get::<PeerAddress>();
    let is_from_here = peer.is_some_and(|peer| peer.0.to_canonical().is_loopback());
    // A proxy on this machine says for whom it asks; its clients come from elsewhere.
    let is_forwarded = ["forwarded", "x-forwarded-for", "via"]
        .iter()
        .any(|name| request.headers().contains_key(*name));
    settings.public_docs || (settings.docs_from_loopback && is_from_here && !is_forwarded)
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

fn describe(operation: &mut Operation, access: Access) {
    let requirement = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    operation.security = match access {
        Access::Public => Some(Vec::new()),
        Access::Anyone => Some(vec![
            SecurityRequirement::default(),
            requirement("bearer"),
            requirement("cookie"),
        ]),
        Access::Docs | Access::Action(_) | Access::Either(..) => {
            Some(vec![requirement("bearer"), requirement("cookie")])
        }
    };
    let problem = ResponseBuilder::new()
        .description("a problem document (RFC 9457)")
        .content(
            PROBLEM_JSON,
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build(),
        )
        .build();
    operation
        .responses
        .responses
        .insert("default".to_owned(), problem.into());
}
