//! The vocabulary of Mofang: names, ids, errors, digests, manifests.
//!
//! One word stands for one thing here, and every crate above uses it. This crate does no I/O and
//! knows no tensor library, database or protocol.

mod artifact_digest;
mod clock;
mod error;
mod generation;
mod id;
mod manifest;
mod model_input;
mod name;
mod prediction;
mod signature;
mod suggest;
mod task;
mod tensor;
#[cfg(feature = "testing")]
pub mod testing;
mod transcript;

pub use artifact_digest::{ArtifactDigest, DigestHasher, InvalidDigest};
pub use clock::{Clock, SystemClock, UnixMillis};
pub use error::{Coded, ErrorCode};
pub use generation::{FinishReason, GeneratedText, GenerationOptions, InvalidSampling, Sampling};
pub use id::IdGenerator;
pub use manifest::{
    ArchitectureSpec, ENSEMBLE_FILE, MANIFEST_FORMAT_VERSION, ONNX_FILE, Package, PackageFile,
    PackageManifest, Provenance, WEIGHTS_FILE,
};
pub use model_input::ModelInput;
pub use name::{AliasName, InvalidName, ModelName, ModelReference, Selector};
pub use prediction::{ClassProbability, NamedNumber, Prediction};
pub use signature::{DType, Dimension, ModelSignature, ShapeMismatch, TensorSpec};
pub use suggest::{closest, with_suggestion};
pub use task::{Task, UnknownTask};
pub use tensor::{Tensor, TensorShapeError};
pub use transcript::{SpokenWord, Transcript};
