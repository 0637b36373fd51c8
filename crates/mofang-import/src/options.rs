//! What the owner of a file says of it.

use mofang_types::Task;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ImportError;

/// Longest side of an image: the import asks the network about one.
const IMAGE_SIDE_MAX: usize = 2048;

/// What the owner of a file says of it; everything may be left out that the file tells.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImportOptions {
    /// What the model does, where the files do not tell it.
    pub task: Option<Task>,
    /// The name of the architecture.
    pub architecture: Option<String>,
    /// Its configuration.
    pub architecture_config: Option<Value>,
    /// `[channels, height, width]` of the images.
    pub image_shape: Option<[usize; 3]>,
    /// The number of classes.
    pub classes: Option<usize>,
    /// How images are prepared.
    pub preset: Option<Preset>,
    /// What is taken from each channel, in place of the preset's.
    pub mean: Option<Vec<f32>>,
    /// What each channel is divided by, in place of the preset's.
    pub std: Option<Vec<f32>>,
    /// The labels of the classes, in order.
    pub labels: Vec<String>,
    /// The licence, as an SPDX expression.
    pub license: Option<String>,
    /// Where the file comes from: an address, a paper, a person.
    pub source: Option<String>,
    /// A sentence or more for people.
    pub description: String,
}

/// A usual way to prepare images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The shorter side to 256/224 of the model's, the middle of that, mean and deviation of
    /// ImageNet: what torchvision's weights are used with.
    Imagenet,
    /// As `imagenet`, with values from -1 to 1: what weights made with TensorFlow are used with.
    Inception,
    /// Resized to the model's size, values from 0 to 1.
    Plain,
}

impl Preset {
    /// Every preset with its name.
    pub const ALL: [(&'static str, Self); 3] = [
        ("imagenet", Self::Imagenet),
        ("inception", Self::Inception),
        ("plain", Self::Plain),
    ];
}

impl ImportOptions {
    /// Checks what can be checked without the file.
    ///
    /// # Errors
    /// When an option contradicts another or cannot be read.
    pub fn check(&self) -> Result<(), ImportError> {
        let invalid = |option, reason: &str| {
            Err(ImportError::InvalidOption {
                option,
                reason: reason.to_owned(),
            })
        };
        if self.architecture.is_none() && self.architecture_config.is_some() {
            return invalid(
                "architecture_config",
                "the architecture that it configures is not named",
            );
        }
        if let Some(shape) = self.image_shape
            && shape
                .iter()
                .any(|size| *size == 0 || *size > IMAGE_SIDE_MAX)
        {
            let reason = format!("{shape:?} is not between 1 and {IMAGE_SIDE_MAX} on each side");
            return invalid("image_shape", &reason);
        }
        if let Some(license) = &self.license
            && let Err(error) = spdx::Expression::parse(license)
        {
            let reason = format!("it is no SPDX expression such as \"Apache-2.0\": {error}");
            return invalid("license", &reason);
        }
        if let Some(classes) = self.classes
            && !self.labels.is_empty()
            && self.labels.len() != classes
        {
            let reason = format!("{classes} classes have {} labels", self.labels.len());
            return invalid("labels", &reason);
        }
        Ok(())
    }
}
