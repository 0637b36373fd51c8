//! The port: an engine, and a model that it has loaded.

use std::fmt;

use mofang_types::{Package, PackageManifest, Tensor};

use crate::native::Native;
use crate::onnx::Onnx;
use crate::trees::Trees;
use crate::{RuntimeError, RuntimeSettings};

/// An engine that can load packages.
pub trait Runtime: fmt::Debug + Send + Sync {
    /// The name in logs and listings.
    fn name(&self) -> &'static str;

    /// What it is, in one line.
    fn summary(&self) -> &'static str;

    /// Whether it loads packages of this kind; the manifest decides, no file is looked into.
    fn accepts(&self, manifest: &PackageManifest) -> bool;

    /// Loads the model of a package.
    ///
    /// # Errors
    /// When a part of the package is missing, cannot be read, or contradicts the manifest; the
    /// message names it.
    fn load(
        &self,
        package: &Package,
        settings: &RuntimeSettings,
    ) -> Result<Box<dyn LoadedModel>, RuntimeError>;
}

/// A model in memory. Several threads may ask it at once.
pub trait LoadedModel: fmt::Debug + Send + Sync {
    /// Computes a batch: prepared inputs `[batch, …]` of the signature to raw outputs
    /// `[batch, …]`. A row's values depend on no other row.
    ///
    /// # Errors
    /// When the batch does not have the shape of the signature, or the engine fails.
    fn infer(&self, batch: &Tensor) -> Result<Tensor, RuntimeError>;

    /// Raw outputs for each token of each text of a language model: ids `[batch, length]` to logits of the
    /// token behind each, `[batch · length, vocabulary]`.
    ///
    /// # Errors
    /// As [`LoadedModel::infer`], and for any other model.
    fn infer_steps(&self, batch: &Tensor) -> Result<Tensor, RuntimeError> {
        let _ = batch;
        Err(RuntimeError::NoSteps)
    }

    /// A text that a language model goes on with, empty at first. None for any other model.
    fn continuation(&self) -> Option<Box<dyn Continuation + '_>> {
        None
    }

    /// The memory that its parameters take.
    fn size_bytes(&self) -> u64;
}

/// A text that a language model goes on with. What it has read is kept, so that a further token costs as much
/// as one.
pub trait Continuation {
    /// Reads further tokens, at least one, and gives the logits of the one behind them, `[vocabulary]`.
    ///
    /// # Errors
    /// When an id is not in the vocabulary, the text becomes longer than the model takes, or the engine fails.
    fn read(&mut self, ids: &[u32]) -> Result<Vec<f32>, RuntimeError>;

    /// Tokens that have been read.
    fn length(&self) -> usize;
}

/// Every runtime of this build, alphabetically.
pub fn all() -> &'static [&'static dyn Runtime] {
    &[&Native, &Onnx, &Trees]
}

/// The first runtime that loads packages of this kind.
///
/// # Errors
/// When there is none.
pub fn for_package(manifest: &PackageManifest) -> Result<&'static dyn Runtime, RuntimeError> {
    all()
        .iter()
        .copied()
        .find(|runtime| runtime.accepts(manifest))
        .ok_or_else(|| RuntimeError::NoRuntime {
            architecture: manifest.architecture.name.chars().take(80).collect(),
            task: manifest.task.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_alphabetical() {
        let names: Vec<&str> = all().iter().map(|runtime| runtime.name()).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}
