//! Weights under their names, and the formats that they are kept in.

mod load_report;
mod safetensors;
mod state_dict;
mod weight_shapes;

pub use load_report::{LoadReport, MisShaped, Strictness};
pub(crate) use state_dict::BASE_PREFIXES;
pub use state_dict::StateDict;
pub use weight_shapes::WeightShapes;
