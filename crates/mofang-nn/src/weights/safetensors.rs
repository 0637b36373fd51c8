//! Weights as safetensors, <https://huggingface.co/docs/safetensors>, under PyTorch's names and
//! layouts, so that `load_state_dict` takes them as they are.

use std::collections::{BTreeMap, HashMap};

use half::{bf16, f16};
use mofang_types::Tensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::state_dict::{BATCH_COUNTER, is_no_weight};
use super::{LoadReport, StateDict, Strictness};
use crate::{Network, NnError};

/// Longest header that is read.
const HEADER_BYTES_MAX: u64 = 16 * 1024 * 1024;

impl Network {
    /// All parameters and buffers as a safetensors file; equal values give equal bytes.
    ///
    /// # Errors
    /// When the device fails.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, NnError> {
        let values = self.values()?;
        let mut encoded: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
        for (name, tensor) in values {
            if let Some(layer) = name.strip_suffix(".running_mean") {
                let counter = format!("{layer}{BATCH_COUNTER}");
                encoded.insert(counter, (Dtype::I64, vec![], vec![0; 8]));
            }
            let mut bytes = Vec::with_capacity(size_of_val(tensor.data()));
            for value in tensor.data() {
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            encoded.insert(name, (Dtype::F32, tensor.shape().to_vec(), bytes));
        }
        let mut views = Vec::with_capacity(encoded.len());
        for (name, (dtype, shape, bytes)) in &encoded {
            let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(malformed)?;
            views.push((name.as_str(), view));
        }
        // One entry: a map of several would be written in an order that changes between runs.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize(views, Some(metadata)).map_err(malformed)
    }

    /// Takes the weights of a safetensors file.
    ///
    /// # Errors
    /// As [`StateDict::from_safetensors`] and [`Network::load_state`].
    pub fn load_safetensors(
        self,
        bytes: &[u8],
        strictness: Strictness,
    ) -> Result<(Self, LoadReport), NnError> {
        self.load_state(StateDict::from_safetensors(bytes)?, strictness)
    }
}

impl StateDict {
    /// The tensors of a safetensors file, each value to the nearest `f32`.
    ///
    /// # Errors
    /// When the bytes are not a safetensors file, or a tensor is of none of the types `F64`, `F32`,
    /// `F16` and `BF16`.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, NnError> {
        let header_bytes = bytes
            .first_chunk::<8>()
            .map(|length| u64::from_le_bytes(*length))
            .ok_or_else(|| NnError::MalformedWeights("it is shorter than 8 bytes".to_owned()))?;
        if header_bytes > HEADER_BYTES_MAX {
            return Err(NnError::MalformedWeights(format!(
                "its header says that it has {header_bytes} bytes, more than {HEADER_BYTES_MAX}"
            )));
        }
        // Checks that offsets are in order, without gaps, within the file and equal to shape × dtype.
        let file = SafeTensors::deserialize(bytes).map_err(malformed)?;
        let mut tensors = Vec::new();
        for (name, view) in file.iter() {
            if !is_no_weight(name, view.shape()) {
                let tensor = Tensor::new(view.shape().to_vec(), decode(name, &view)?)?;
                tensors.push((name.to_owned(), tensor));
            }
        }
        Ok(Self::new(tensors))
    }
}

fn decode(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, NnError> {
    fn each<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let (elements, _) = bytes.as_chunks::<N>();
        elements.iter().map(|element| decode(*element)).collect()
    }
    let bytes = view.data();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::wildcard_enum_match_arm,
        reason = "to the nearest f32 is what is asked for; types that are not weights are refused"
    )]
    Ok(match view.dtype() {
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F16 => each(bytes, |element| f16::from_le_bytes(element).to_f32()),
        Dtype::BF16 => each(bytes, |element| bf16::from_le_bytes(element).to_f32()),
        Dtype::F64 => each(bytes, |element| f64::from_le_bytes(element) as f32),
        other => {
            return Err(NnError::MalformedWeights(format!(
                "\"{name}\" is {other:?}; convert it to F32"
            )));
        }
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn malformed(error: safetensors::SafeTensorError) -> NnError {
    NnError::MalformedWeights(error.to_string())
}
