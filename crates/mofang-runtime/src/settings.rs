//! Where and how models are loaded.

use mofang_host::Placement;
use mofang_nn::DeviceChoice;

/// Where and how models are loaded.
#[derive(Debug, Clone, Default)]
pub struct RuntimeSettings {
    /// What networks of our own compute on.
    pub device: DeviceChoice,
    /// Where models run whose files or engines are not this house's own.
    pub placement: Placement,
}
