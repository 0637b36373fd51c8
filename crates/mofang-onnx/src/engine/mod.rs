//! Running a model on the engine `rten`. No type of the engine leaves this module.

mod build;
mod guard;
mod rewrite;
mod session;
mod support;
mod value;

#[cfg(any(test, feature = "testing"))]
pub(crate) use build::NodeBuilder;
pub use session::{Session, SessionOptions};
pub use support::{UnsupportedOperator, unsupported_operators};
pub use value::{Array, Value};
