//! Makes recordings equally long.

use serde::{Deserialize, Serialize};

use crate::DataError;

/// Longest recording that a step makes, in seconds.
const SECONDS_MAX: f64 = 600.0;

/// Where a recording stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// In the middle: as much is added, or cut off, before it as after it.
    #[default]
    Center,
    /// At the start: silence is added, or sound is cut off, at the end.
    Start,
}

/// Gives every recording the same length, by silence around a shorter one and by cutting a longer one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PadOrTrim {
    /// The length.
    pub seconds: f64,
    /// Where the recording stays.
    #[serde(default)]
    pub align: Align,
}

impl PadOrTrim {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        if self.seconds > 0.0 && self.seconds <= SECONDS_MAX {
            return Ok(());
        }
        Err(DataError::InvalidPipeline(format!(
            "`pad_or_trim`: seconds = {} is not above 0 and at most {SECONDS_MAX}",
            self.seconds
        )))
    }

    /// The length in samples, at least one.
    pub(crate) fn samples(&self, sample_rate: u32) -> usize {
        ((self.seconds * f64::from(sample_rate)).round() as usize).max(1)
    }

    /// `samples` at the length.
    pub(crate) fn apply(&self, samples: &[f32], sample_rate: u32) -> Vec<f32> {
        let length = self.samples(sample_rate);
        let offset = |longer: usize, shorter: usize| match self.align {
            Align::Center => (longer - shorter) / 2,
            Align::Start => 0,
        };
        if samples.len() >= length {
            let start = offset(samples.len(), length);
            let inside = samples.get(start..start + length);
            return inside.unwrap_or_default().to_vec();
        }
        let mut result = vec![0.0; length];
        let start = offset(length, samples.len());
        for (to, from) in result.iter_mut().skip(start).zip(samples) {
            *to = *from;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_stay_in_the_middle_or_at_the_start() {
        let apply = |align, samples: &[f32]| {
            let step = PadOrTrim {
                seconds: 0.004,
                align,
            };
            step.check().unwrap();
            step.apply(samples, 1_000)
        };
        assert_eq!(apply(Align::Center, &[1.0, 2.0]), [0.0, 1.0, 2.0, 0.0]);
        assert_eq!(apply(Align::Center, &[1.0]), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(apply(Align::Start, &[1.0, 2.0]), [1.0, 2.0, 0.0, 0.0]);
        let long = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(apply(Align::Center, &long), long[1..5]);
        assert_eq!(apply(Align::Start, &long), long[..4]);
        assert_eq!(apply(Align::Start, &long[..4]), long[..4]);
        for seconds in [0.0, -1.0, f64::NAN, 601.0] {
            let align = Align::Start;
            assert!(PadOrTrim { seconds, align }.check().is_err(), "{seconds}");
        }
    }
}
