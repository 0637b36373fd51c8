//! Gives every band of the features mean 0 and standard deviation 1.

use serde::{Deserialize, Serialize};

use crate::DataError;

/// `(value − mean) / std` for each band of the features. Both may be left to the training split, whose
/// recordings then have mean 0 and standard deviation 1 in every band.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardizeFeatures {
    /// The mean of each band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// The standard deviation of each band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
}

/// Below this a band is taken for constant and only its mean is subtracted.
const STD_MIN: f64 = 1e-6;

impl StandardizeFeatures {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let invalid = |reason: &str| {
            Err(DataError::InvalidPipeline(format!(
                "`standardize_features`: {reason}"
            )))
        };
        match (&self.mean, &self.std) {
            (None, None) => Ok(()),
            (Some(mean), Some(std)) if mean.len() == std.len() => {
                let are_numbers = mean.iter().all(|value| value.is_finite())
                    && std.iter().all(|value| value.is_finite() && *value > 0.0);
                if are_numbers {
                    Ok(())
                } else {
                    invalid("mean has to be finite, and std above 0")
                }
            }
            _ => invalid(
                "mean and std go together, a number for each band, or are both left to the data",
            ),
        }
    }

    /// Checks that there is a number for each band, once the data have been seen.
    pub(crate) fn check_bands(&self, bands: usize) -> Result<(), DataError> {
        match &self.mean {
            Some(mean) if mean.len() != bands => Err(DataError::InvalidPipeline(format!(
                "`standardize_features` has {} numbers for {bands} bands",
                mean.len()
            ))),
            _ => Ok(()),
        }
    }

    /// Whether nothing is left to the data.
    pub(crate) fn is_fitted(&self) -> bool {
        self.mean.is_some()
    }

    /// Changes features `[bands, frames]`.
    pub(crate) fn apply(&self, values: &mut [f32], frames: usize) {
        let (Some(mean), Some(std)) = (&self.mean, &self.std) else {
            return;
        };
        let bands = values.chunks_exact_mut(frames.max(1));
        for ((band, mean), std) in bands.zip(mean).zip(std) {
            for value in band {
                *value = (*value - mean) / std;
            }
        }
    }
}

/// The mean and standard deviation of each band, over everything that is added.
#[derive(Debug, Default)]
pub(crate) struct BandStatistics {
    /// Count, sum and sum of squares.
    bands: Vec<(f64, f64, f64)>,
}

impl BandStatistics {
    /// Adds features `[bands, frames]`.
    pub(crate) fn add(&mut self, values: &[f32], frames: usize) {
        let bands = values.chunks_exact(frames.max(1));
        if self.bands.len() < bands.len() {
            self.bands.resize(bands.len(), (0.0, 0.0, 0.0));
        }
        for ((count, sum, squares), band) in self.bands.iter_mut().zip(bands) {
            *count += band.len() as f64;
            for value in band {
                *sum += f64::from(*value);
                *squares += f64::from(*value).powi(2);
            }
        }
    }

    /// The step that they make.
    pub(crate) fn into_step(self) -> StandardizeFeatures {
        let (mean, std) = self
            .bands
            .into_iter()
            .map(|(count, sum, squares)| {
                let mean = sum / count.max(1.0);
                let std = (squares / count.max(1.0) - mean * mean).max(0.0).sqrt();
                let std = if std < STD_MIN { 1.0 } else { std };
                (mean as f32, std as f32)
            })
            .unzip();
        StandardizeFeatures {
            mean: Some(mean),
            std: Some(std),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_get_mean_0_and_deviation_1() {
        let mut values = [1.0, 3.0, 5.0, 5.0];
        let mut statistics = BandStatistics::default();
        statistics.add(&values, 2);
        let step = statistics.into_step();
        step.check().unwrap();
        step.apply(&mut values, 2);
        mofang_types::testing::assert_close(&values, &[-1.0, 1.0, 0.0, 0.0], 1e-6);
        assert!(step.check_bands(2).is_ok() && step.check_bands(3).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let step = |mean: &[f32], std: &[f32]| StandardizeFeatures {
            mean: Some(mean.to_vec()),
            std: Some(std.to_vec()),
        };
        assert!(StandardizeFeatures::default().check().is_ok());
        assert!(step(&[0.0], &[1.0]).check().is_ok());
        assert!(step(&[0.0], &[0.0]).check().is_err());
        assert!(step(&[f32::NAN], &[1.0]).check().is_err());
        assert!(step(&[0.0, 0.0], &[1.0]).check().is_err());
        let half = StandardizeFeatures {
            mean: Some(vec![0.0]),
            std: None,
        };
        assert!(half.check().is_err());
    }
}
