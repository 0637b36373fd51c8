//! A checkpoint as bytes.

use std::collections::{BTreeMap, HashMap};

use mofang_types::{ArtifactDigest, DigestHasher, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::{Checkpoint, CheckpointError};
use crate::optimizer::OptimizerState;
use crate::run_state::{RunState, STATE_FORMAT_VERSION};

/// The key of the header's metadata that everything but the tensors stands under.
const METADATA_KEY: &str = "mofang.checkpoint";

const WEIGHTS_PREFIX: &str = "weights.";
const OPTIMIZER_PREFIX: &str = "optimizer.";

#[derive(Serialize, Deserialize)]
struct Metadata {
    /// [`RunState`] as JSON text, so that its bytes are the ones that were digested.
    state: String,
    optimizer_step: u64,
    digest: ArtifactDigest,
}

/// What is read first, to refuse a newer format before anything else of it is looked at.
#[derive(Deserialize)]
struct Format {
    format_version: u32,
}

/// The bytes of a checkpoint.
pub(super) fn encode(name: &str, checkpoint: &Checkpoint) -> Result<Vec<u8>, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged {
        name: name.to_owned(),
        reason,
    };
    let state =
        serde_json::to_string(&checkpoint.state).map_err(|error| damaged(error.to_string()))?;
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (prefix, group) in [
        (WEIGHTS_PREFIX, &checkpoint.weights),
        (OPTIMIZER_PREFIX, &checkpoint.optimizer.slots),
    ] {
        for (name, tensor) in group {
            let bytes = tensor
                .data()
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            tensors.insert(format!("{prefix}{name}"), (tensor.shape().to_vec(), bytes));
        }
    }
    let digest = digest_of(
        &state,
        checkpoint.optimizer.step,
        tensors
            .iter()
            .map(|(name, (shape, bytes))| (name.as_str(), shape.as_slice(), bytes.as_slice())),
    );
    let metadata = Metadata {
        state,
        optimizer_step: checkpoint.optimizer.step,
        digest,
    };
    let metadata = serde_json::to_string(&metadata).map_err(|error| damaged(error.to_string()))?;
    let mut views = Vec::with_capacity(tensors.len());
    for (name, (shape, bytes)) in &tensors {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        views.push((
            name.as_str(),
            view.map_err(|error| damaged(error.to_string()))?,
        ));
    }
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), metadata)]);
    safetensors::serialize(views, Some(metadata)).map_err(|error| damaged(error.to_string()))
}

/// The checkpoint of these bytes, verified.
pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged {
        name: name.to_owned(),
        reason,
    };
    let malformed = |error: &dyn std::fmt::Display| damaged(error.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| malformed(&error))?;
    let metadata = header
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get(METADATA_KEY))
        .ok_or_else(|| damaged("it is no checkpoint of mofang".to_owned()))?;
    let metadata: Metadata = serde_json::from_str(metadata).map_err(|error| malformed(&error))?;
    let format: Format =
        serde_json::from_str(&metadata.state).map_err(|error| malformed(&error))?;
    if format.format_version != STATE_FORMAT_VERSION {
        return Err(CheckpointError::NewerFormat {
            name: name.to_owned(),
            format: format.format_version,
        });
    }
    let file = SafeTensors::deserialize(bytes).map_err(|error| malformed(&error))?;
    let tensors: BTreeMap<&str, TensorView<'_>> = file.iter().collect();
    let digest = digest_of(
        &metadata.state,
        metadata.optimizer_step,
        tensors
            .iter()
            .map(|(name, view)| (*name, view.shape(), view.data())),
    );
    if digest != metadata.digest {
        return Err(damaged(
            "its digest is not the one that was written".to_owned(),
        ));
    }
    let state: RunState =
        serde_json::from_str(&metadata.state).map_err(|error| malformed(&error))?;
    let mut checkpoint = Checkpoint {
        state,
        weights: BTreeMap::new(),
        optimizer: OptimizerState {
            step: metadata.optimizer_step,
            slots: BTreeMap::new(),
        },
    };
    for (name, view) in &tensors {
        let values = view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes));
        let tensor = Tensor::new(view.shape().to_vec(), values.collect())
            .map_err(|error| malformed(&error))?;
        if let Some(name) = name.strip_prefix(WEIGHTS_PREFIX) {
            checkpoint.weights.insert(name.to_owned(), tensor);
        } else if let Some(name) = name.strip_prefix(OPTIMIZER_PREFIX) {
            checkpoint.optimizer.slots.insert(name.to_owned(), tensor);
        }
    }
    Ok(checkpoint)
}

fn digest_of<'a>(
    state: &str,
    optimizer_step: u64,
    tensors: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])>,
) -> ArtifactDigest {
    let mut hasher = DigestHasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    add(state.as_bytes());
    add(&optimizer_step.to_le_bytes());
    for (name, shape, bytes) in tensors {
        add(name.as_bytes());
        for size in shape {
            add(&(*size as u64).to_le_bytes());
        }
        add(bytes);
    }
    hasher.finish()
}
