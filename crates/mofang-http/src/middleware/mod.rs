//! What happens to every request around its handler.

mod request;
mod security_headers;

pub(crate) use request::{Frame, MeantStatus, RequestContext, request};
pub(crate) use security_headers::security_headers;
