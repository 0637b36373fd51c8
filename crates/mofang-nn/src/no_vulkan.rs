//! What stands in the place of `vulkan.rs` in a build without it.

use burn::tensor::Device;

use crate::device_choice::NOT_BUILT;
use crate::{ComputeDevice, NnError};

/// The devices that there are: none.
pub(crate) fn found() -> &'static [ComputeDevice] {
    &[]
}

/// Opens a device.
pub(crate) fn open(_: &ComputeDevice) -> Result<Device, NnError> {
    Err(NnError::NoDevice(NOT_BUILT))
}
