//! What can be wrong with the arguments of an operation.

/// What can be wrong with the arguments of an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// There is no such window.
    #[error("a {operation} over {size:?} pixels has no such geometry")]
    Geometry {
        /// The operation.
        operation: &'static str,
        /// `[height, width]` of its input.
        size: [usize; 2],
    },
    /// A slice has another length than its shape says.
    #[error("{what} has {actual} values, not {expected}")]
    Length {
        /// The slice.
        what: &'static str,
        /// The values that its shape has.
        expected: usize,
        /// The values that it has.
        actual: usize,
    },
}

/// Checks the length of a slice.
pub(crate) fn check_length(
    what: &'static str,
    slice: &[f32],
    expected: usize,
) -> Result<(), KernelError> {
    if slice.len() == expected {
        Ok(())
    } else {
        Err(KernelError::Length {
            what,
            expected,
            actual: slice.len(),
        })
    }
}
