//! Logarithms of power.

use serde::{Deserialize, Serialize};

use crate::{AudioError, Features};

/// How power is compressed to what a network takes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Compression {
    /// Power as it is.
    None,
    /// `ln(power + epsilon)`.
    Log {
        /// What keeps silence finite.
        epsilon: f32,
    },
    /// See [`amplitude_to_db`].
    Decibels {
        /// Values further below the largest are raised to it; none keeps all.
        top_db: Option<f32>,
    },
    /// `ln(power + 10⁻⁶)`, as torchaudio's `MFCC(log_mels=True)` has it.
    #[default]
    LogMel,
}

impl Compression {
    /// Checks the parameters.
    pub(crate) fn check(self) -> Result<(), AudioError> {
        let positive = |name: &str, value: f32| {
            if value.is_finite() && value > 0.0 {
                return Ok(());
            }
            Err(AudioError::InvalidSetting(format!(
                "{name} = {value} has to be a positive number"
            )))
        };
        match self {
            Self::None | Self::LogMel | Self::Decibels { top_db: None } => Ok(()),
            Self::Log { epsilon } => positive("epsilon", epsilon),
            Self::Decibels {
                top_db: Some(top_db),
            } => positive("top_db", top_db),
        }
    }

    pub(crate) fn apply(self, features: &mut Features) {
        match self {
            Self::None => {}
            Self::Log { epsilon } => logarithm(features, epsilon),
            Self::Decibels { top_db } => amplitude_to_db(features, top_db),
            Self::LogMel => logarithm(features, 1e-6),
        }
    }
}

fn logarithm(features: &mut Features, epsilon: f32) {
    for value in features.values_mut() {
        *value = (*value + epsilon).ln();
    }
}

/// `10 · log10(max(power, 10⁻¹⁰))`, then at least the largest value less `top_db`: torchaudio's
/// `AmplitudeToDB("power", top_db)`.
pub fn amplitude_to_db(features: &mut Features, top_db: Option<f32>) {
    const POWER_MIN: f32 = 1e-10;
    for value in features.values_mut() {
        *value = 10.0 * value.max(POWER_MIN).log10();
    }
    if let Some(top_db) = top_db {
        let largest = features
            .values()
            .iter()
            .fold(f32::NEG_INFINITY, |largest, value| largest.max(*value));
        for value in features.values_mut() {
            *value = value.max(largest - top_db);
        }
    }
}
