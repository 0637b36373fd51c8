//! What can be wrong with the arguments of an operation.

/// What can be wrong with the arguments of an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// Sizes that do not go together.
    #[error("{operation}: {problem}")]
    Shape {
        /// The operation.
        operation: &'static str,
        /// What does not fit.
        problem: &'static str,
    },
    /// There is no such window.
    #[error("a {operation} over {size:?} pixels has no such geometry")]
    Geometry {
        /// The operation.
        operation: &'static str,
        /// `[height, width]` of its input.
        size: [usize; 2],
    },
    /// There is no such row, class or the like.
    #[error("{what} is {index}, of {count}")]
    Index {
        /// What was asked for.
        what: &'static str,
        /// Its number.
        index: i64,
        /// How many there are.
        count: usize,
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
