//! From headers to a [`Caller`], and the defence against requests that a foreign page makes.
//!
//! A credential is either a bearer (an API key or a session's token), which only a program can
//! attach, or the session's cookie, which a browser attaches whoever asks. Hence changes by cookie
//! need an origin of ours and the session's token in a header that foreign pages cannot set
//! (SEC-26). Credentials are never read from a URL (SEC-29).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use mofang_accounts::{Credential, Principal};
use mofang_registry::Actor;
use mofang_types::ErrorCode;

use crate::metering::CallerLabel;
use crate::openapi::SESSION_COOKIE;
use crate::{ApiError, AppState, HttpSettings, PeerAddress};

/// Who is asking, authenticated.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    principal: Arc<Principal>,
    label: CallerLabel,
}

impl Caller {
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The name under which the caller's changes are recorded.
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            id: self.principal.actor_id(),
            name: self.principal.user_name.clone(),
        }
    }

    pub(crate) fn label(&self) -> &CallerLabel {
        &self.label
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Only the guard puts it there: a route without one denies.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(no_credentials)
    }
}

fn no_credentials() -> ApiError {
    ApiError::new(
        ErrorCode::Unauthenticated,
        "no credentials; send `Authorization: Bearer KEY` with an API key or a session's token",
    )
}

/// Whether there is something to authenticate with.
pub(crate) fn has_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION) || session_cookie(headers).is_some()
}

/// Finds out who is asking.
pub(crate) fn authenticate(state: &AppState, parts: &Parts) -> Result<Caller, ApiError> {
    let headers = &parts.headers;
    let principal = if let Some(value) = headers.get(AUTHORIZATION) {
        let token = value
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(no_credentials)?;
        state
            .accounts
            .authenticate(Credential::from_bearer(token))?
    } else {
        let token = session_cookie(headers).ok_or_else(no_credentials)?;
        let principal = state
            .accounts
            .authenticate(Credential::SessionToken(token))?;
        if changes_something(&parts.method) {
            check_origin(headers, &state.settings)?;
            let csrf_token = headers
                .get("x-csrf-token")
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            state.accounts.check_csrf(&principal, csrf_token)?;
        }
        principal
    };
    let label = CallerLabel::new(&principal.user_id, principal.key_id.as_deref());
    Ok(Caller {
        principal: principal.into(),
        label,
    })
}

/// The token in the session's cookie.
fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, token)| token)
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Refuses a request that a page of another origin made. Browsers tell the origin of every request
/// that is not a plain GET, so a cookie without an origin is refused as well.
fn check_origin(headers: &HeaderMap, settings: &HttpSettings) -> Result<(), ApiError> {
    let origin = headers.get(ORIGIN).and_then(|value| value.to_str().ok());
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    let is_own = origin
        .and_then(|origin| origin.split_once("://"))
        .is_some_and(|(_, authority)| host == Some(authority));
    let is_allowed = origin.is_some_and(|origin| settings.allowed_origins.contains(origin));
    if is_own || is_allowed {
        Ok(())
    } else {
        Err(ApiError::new(
            ErrorCode::Forbidden,
            "the request comes from a page of another origin",
        ))
    }
}

/// As [`check_origin`], for requests that need no credentials: programs send no origin.
pub(crate) fn check_origin_if_any(
    headers: &HeaderMap,
    settings: &HttpSettings,
) -> Result<(), ApiError> {
    if headers.contains_key(ORIGIN) {
        check_origin(headers, settings)
    } else {
        Ok(())
    }
}

/// The address of the client, where none is known 0.0.0.0, which nobody trusts: that of the connection, or what a trusted proxy says (SEC-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl FromRequestParts<Arc<AppState>> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<AppState>,
    ) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<PeerAddress>().map(|peer| peer.0);
        let address = client_address(peer, &parts.headers, &state.settings);
        Ok(Self(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

fn client_address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    settings: &HttpSettings,
) -> Option<IpAddr> {
    let trusted = peer.is_some_and(|peer| settings.trusted_proxies.contains(&peer));
    // The last address is the one that our own proxy saw; those before it are hearsay.
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.rsplit(',').next())
        .and_then(|text| text.trim().parse().ok());
    if trusted { forwarded.or(peer) } else { peer }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn sec_26_only_pages_of_our_own_pass() {
        let mut settings = HttpSettings::default();
        let own = headers(&[
            ("host", "a.example:8080"),
            ("origin", "https://a.example:8080"),
        ]);
        let foreign = headers(&[("host", "a.example"), ("origin", "https://b.example")]);
        let prefix = headers(&[
            ("host", "a.example"),
            ("origin", "https://a.example.b.example"),
        ]);
        let null = headers(&[("host", "a.example"), ("origin", "null")]);
        let none = headers(&[("host", "a.example")]);
        assert!(check_origin(&own, &settings).is_ok());
        for refused in [&foreign, &prefix, &null, &none] {
            assert!(check_origin(refused, &settings).is_err(), "{refused:?}");
        }
        assert!(check_origin_if_any(&none, &settings).is_ok());
        settings
            .allowed_origins
            .insert("https://b.example".to_owned());
        assert!(check_origin(&foreign, &settings).is_ok());
    }

    #[test]
    fn sec_2_forwarded_addresses_are_believed_from_trusted_proxies_only() {
        let mut settings = HttpSettings::default();
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let forwarded = headers(&[("x-forwarded-for", "1.1.1.1, 2.2.2.2")]);
        assert_eq!(
            client_address(Some(peer), &forwarded, &settings),
            Some(peer)
        );
        settings.trusted_proxies.insert(peer);
        let client = client_address(Some(peer), &forwarded, &settings);
        assert_eq!(client, Some("2.2.2.2".parse().unwrap()));
        assert_eq!(
            client_address(Some(peer), &HeaderMap::new(), &settings),
            Some(peer)
        );
    }

    #[test]
    fn the_session_cookie_is_found_among_others() {
        let found = headers(&[("cookie", "a=b; __Host-mofang-session=secret; c=d")]);
        assert_eq!(session_cookie(&found), Some("secret"));
        let similar = headers(&[("cookie", "x__Host-mofang-session=secret")]);
        assert_eq!(session_cookie(&similar), None);
    }
}
