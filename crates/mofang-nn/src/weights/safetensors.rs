//! Weights as safetensors, <https://huggingface.co/docs/safetensors>, under PyTorch's names and
//! layouts, so that `load_state_dict` takes them as they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{LoadReport, MisShaped, Strictness};
use crate::{Network, NnError};

/// Longest header that is read.
const HEADER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// PyTorch's counter in each batch normalization. No computation of ours uses it: it is written so
/// that a strict `load_state_dict` finds it, and not asked for.
const BATCH_COUNTER: &str = ".num_batches_tracked";

/// What `torch.nn.DataParallel` puts before every name.
const DATA_PARALLEL_PREFIX: &str = "module.";

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
            let bytes = tensor
                .data()
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
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
    /// When the bytes are not a safetensors file of `F32` tensors, or, with
    /// [`Strictness::Exact`], when names or shapes differ from the network's; the message names
    /// them.
    pub fn load_safetensors(
        self,
        bytes: &[u8],
        strictness: Strictness,
    ) -> Result<(Self, LoadReport), NnError> {
        let mut file = read(bytes)?;
        let mut report = LoadReport::default();
        let mut accepted = BTreeSet::new();
        for parameter in self.parameters() {
            match file.get(&parameter.name) {
                None => report.missing.push(parameter.name),
                Some((shape, _)) if *shape != parameter.shape => {
                    report.mis_shaped.push(MisShaped {
                        expected: parameter.shape,
                        actual: shape.clone(),
                        name: parameter.name.clone(),
                    });
                    file.remove(&parameter.name);
                }
                Some(_) => {
                    accepted.insert(parameter.name);
                }
            }
        }
        report.loaded = accepted.len();
        report.unexpected = file
            .keys()
            .filter(|name| !accepted.contains(*name))
            .cloned()
            .collect();
        if strictness == Strictness::Exact && !report.is_exact() {
            return Err(NnError::WeightsDoNotFit(report.to_string()));
        }
        let network =
            self.map_values(&mut |info, _| file.remove(&info.name).map(|(_, values)| values))?;
        Ok((network, report))
    }
}

type Values = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Every `F32` tensor of the file, without batch counters and without a `DataParallel` prefix.
fn read(bytes: &[u8]) -> Result<Values, NnError> {
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
    let tensors: Vec<(&str, TensorView<'_>)> = file
        .iter()
        .filter(|(name, _)| !name.ends_with(BATCH_COUNTER))
        .collect();
    let is_prefixed = !tensors.is_empty()
        && tensors
            .iter()
            .all(|(name, _)| name.starts_with(DATA_PARALLEL_PREFIX));
    let mut values = Values::new();
    for (name, view) in tensors {
        if view.dtype() != Dtype::F32 {
            return Err(NnError::MalformedWeights(format!(
                "\"{name}\" is {:?}; convert it to F32",
                view.dtype()
            )));
        }
        let numbers = view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        let name = if is_prefixed {
            name.trim_start_matches(DATA_PARALLEL_PREFIX)
        } else {
            name
        };
        values.insert(name.to_owned(), (view.shape().to_vec(), numbers));
    }
    Ok(values)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn malformed(error: safetensors::SafeTensorError) -> NnError {
    NnError::MalformedWeights(error.to_string())
}
