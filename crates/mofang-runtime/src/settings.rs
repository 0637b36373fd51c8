//! Where and how models are loaded.

use mofang_host::Placement;

/// Where and how models are loaded.
#[derive(Debug, Clone, Default)]
pub struct RuntimeSettings {
    /// Where models run whose files or engines are not this house's own.
    pub placement: Placement,
}
