//! Weight formats. One file per format.

mod load_report;
mod safetensors;

pub use load_report::{LoadReport, MisShaped, Strictness};
