//! The free parameters of requests, inputs and outputs, of which a few mean something here.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::ApiError;
use crate::call::ModelCall;

/// Parameters by name. Those that nobody here knows are ignored, as the protocol wants it.
pub(super) type Parameters = Map<String, Value>;

/// A parameter that is a size or a count.
pub(super) fn number(parameters: &Parameters, name: &str) -> Result<Option<u64>, ApiError> {
    match parameters.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| {
            ApiError::invalid(format!(
                "the parameter {name} has to be a whole number from 0"
            ))
        }),
    }
}

/// A parameter that is a yes or a no.
pub(super) fn flag(parameters: &Parameters, name: &str) -> Result<Option<bool>, ApiError> {
    match parameters.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_bool().map(Some).ok_or_else(|| {
            ApiError::invalid(format!("the parameter {name} has to be true or false"))
        }),
    }
}

/// Does what the parameters of a request ask for, and refuses what cannot be done.
///
/// # Errors
/// When they ask for a sequence, which needs state between requests, or a value is malformed.
pub(super) fn apply_to_call(call: &mut ModelCall, parameters: &Parameters) -> Result<(), ApiError> {
    // Clients send the fields of a sequence empty when they mean none.
    let in_sequence = parameters
        .get("sequence_id")
        .is_some_and(|id| !(id.is_null() || id.as_u64() == Some(0) || id.as_str() == Some("")));
    if in_sequence {
        return Err(ApiError::not_implemented(
            "sequences are not implemented: no model here keeps state between requests; leave out sequence_id",
        ));
    }
    if let Some(microseconds) = number(parameters, "timeout")?
        && microseconds > 0
    {
        call.tighten(Duration::from_micros(microseconds));
    }
    Ok(())
}

/// Refuses a tensor that is not in the request but in memory which the client would share.
pub(super) fn refuse_shared_memory(parameters: &Parameters) -> Result<(), ApiError> {
    if parameters.contains_key("shared_memory_region") {
        return Err(ApiError::not_implemented(
            "shared memory is not implemented: clients share no memory with this server; send the tensors in the body",
        ));
    }
    Ok(())
}
