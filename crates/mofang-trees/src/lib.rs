//! Gradient-boosted trees on histograms: Friedman 2001, <https://doi.org/10.1214/aos/1013203451>, in the
//! form of `LightGBM` (Ke et al. 2017) and scikit-learn's `HistGradientBoosting`.
//!
//! Numbers are sorted into at most 255 bins once; a tree is grown leaf by leaf, always where the loss
//! falls most, and a split is searched in the sums of gradients by bin. What is missing has a bin of its
//! own, whose side each split chooses; categories are split into two sets (Fisher 1958: sorted by their
//! mean gradient, the best cut is the best of all partitions).
//!
//! A [`Booster`] adds a tree for each output at every [`Booster::step`]; when to stop is the caller's
//! matter. All sums are added in the order of the rows, so the same rows and settings give the same bits.
//! This crate knows no dataset, recipe or package.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts are far below 2^52, bins below 256, and a model's numbers are f32"
)]

mod bins;
mod booster;
mod ensemble;
mod error;
mod grow;
mod histogram;
mod loss;
mod randomness;
mod settings;
mod split;
mod tree;

pub use booster::{Booster, Iteration, Rows, Targets};
pub use ensemble::{ENSEMBLE_FORMAT_VERSION, Ensemble, RunningScores};
pub use error::TreesError;
pub use settings::{OptionSpec, Settings};

/// The name of the architecture in recipes and manifests.
pub const ARCHITECTURE: &str = "gradient_boosting";
