//! Devices, and the way between the house's plain tensors and burn's.

use burn::tensor::{Device, TensorData};
use mofang_types::Tensor;

use crate::NnError;

/// The processor of this machine. For training, take `cpu_device().autodiff()`.
pub fn cpu_device() -> Device {
    Device::flex()
}

/// A plain tensor on `device`.
///
/// # Errors
/// When the tensor does not have `D` dimensions.
pub fn tensor_to_burn<const D: usize>(
    tensor: Tensor,
    device: &Device,
) -> Result<burn::tensor::Tensor<D>, NnError> {
    let shape: [usize; D] = tensor.shape().try_into().map_err(|_| {
        NnError::InvalidSpec(format!(
            "a tensor of shape {:?} does not have {D} dimensions",
            tensor.shape()
        ))
    })?;
    Ok(burn::tensor::Tensor::from_data(
        TensorData::new(tensor.into_data(), shape),
        device,
    ))
}

/// A tensor of a device as a plain one.
///
/// # Errors
/// When the device fails.
pub fn tensor_from_burn<const D: usize>(
    tensor: burn::tensor::Tensor<D>,
) -> Result<Tensor, NnError> {
    let shape = tensor.dims().to_vec();
    let values = tensor
        .try_into_vec_as::<f32>()
        .map_err(|error| NnError::Device(format!("a tensor could not be read: {error}")))?;
    Ok(Tensor::new(shape, values)?)
}
