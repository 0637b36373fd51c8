//! The boundary that no panic of the engine passes.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::OnnxError;
use crate::error::excerpt;

/// Calls the engine. Its own state after a panic is not looked at again by the callers: what was
/// being loaded is dropped, and a run leaves nothing in a model but a lock and a plan, both of which
/// the engine renews.
pub(crate) fn guarded<T>(
    action: &'static str,
    call: impl FnOnce() -> Result<T, OnnxError>,
) -> Result<T, OnnxError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        Err(OnnxError::Panicked {
            action,
            reason: excerpt(text(&*panic)),
        })
    })
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}
