//! How images are prepared: presets and what replaces parts of them.

use mofang_data::transforms::{CenterCrop, Color, Convert, Filter, Normalize, Resize};
use mofang_data::{Decoder, Pipeline, Transform};

use crate::{ImportError, ImportOptions, Preset};

/// What every channel of torchvision's weights was normalized with.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// How many classes an answer names.
const TOP_K: usize = 5;

/// What a classifier's outputs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outputs {
    /// To be made into probabilities by a softmax.
    Logits,
    /// What the model made by itself.
    Probabilities,
}

/// The pipeline for a model of these images and this many classes.
pub(crate) fn pipeline(
    options: &ImportOptions,
    preset: Preset,
    [channels, height, width]: [usize; 3],
    classes: usize,
    outputs: Outputs,
) -> Result<Pipeline, ImportError> {
    let color = match channels {
        1 => Color::Grayscale,
        3 => Color::Rgb,
        _ => {
            return Err(ImportError::InvalidOption {
                option: "image_shape",
                reason: format!("images have 1 or 3 channels, not {channels}"),
            });
        }
    };
    let mut transforms = vec![Transform::Convert(Convert { color })];
    let to = |height, width, shorter_side| {
        Transform::Resize(Resize {
            height,
            width,
            shorter_side,
            filter: Filter::Bilinear,
        })
    };
    match preset {
        Preset::Imagenet | Preset::Inception => {
            let longer = height.max(width);
            transforms.push(to(None, None, Some(longer.saturating_mul(256) / 224)));
            transforms.push(Transform::CenterCrop(CenterCrop { height, width }));
        }
        Preset::Plain => transforms.push(to(Some(height), Some(width), None)),
    }
    let (mean, std) = match preset {
        Preset::Imagenet => (
            per_channel(&IMAGENET_MEAN, channels),
            per_channel(&IMAGENET_STD, channels),
        ),
        Preset::Inception => (vec![0.5; channels], vec![0.5; channels]),
        Preset::Plain => (vec![0.0; channels], vec![1.0; channels]),
    };
    let mean = chosen("mean", options.mean.as_ref(), mean, channels)?;
    let std = chosen("std", options.std.as_ref(), std, channels)?;
    let is_identity = mean.iter().all(|mean| *mean == 0.0)
        && std.iter().all(|std| (*std - 1.0).abs() < f32::EPSILON);
    if !is_identity {
        transforms.push(Transform::Normalize(Normalize { mean, std }));
    }
    let top_k = Decoder::TopK {
        k: TOP_K.min(classes),
    };
    Ok(Pipeline {
        transforms,
        decoders: match outputs {
            Outputs::Logits => vec![Decoder::Softmax {}, top_k, Decoder::Labels {}],
            Outputs::Probabilities => vec![top_k, Decoder::Labels {}],
        },
    })
}

/// The values of three channels, or for grey their mean.
fn per_channel(values: &[f32; 3], channels: usize) -> Vec<f32> {
    match channels {
        3 => values.to_vec(),
        _ => vec![values.iter().sum::<f32>() / 3.0; channels],
    }
}

fn chosen(
    option: &'static str,
    said: Option<&Vec<f32>>,
    usual: Vec<f32>,
    channels: usize,
) -> Result<Vec<f32>, ImportError> {
    match said.map(Vec::as_slice) {
        None => Ok(usual),
        Some([one]) => Ok(vec![*one; channels]),
        Some(values) if values.len() == channels => Ok(values.to_vec()),
        Some(values) => Err(ImportError::InvalidOption {
            option,
            reason: format!("it has {} values for {channels} channels", values.len()),
        }),
    }
}
