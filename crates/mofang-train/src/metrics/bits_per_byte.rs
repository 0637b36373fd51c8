//! Bits per byte.

use super::{Judged, Metric, MetricValue, Outcomes};

/// What a text takes in bits for each of its bytes when it is written by the model's probabilities: unlike the
/// cross-entropy, it does not depend on how texts are cut into tokens. Left out of resamples, of whose tokens nobody
/// knows the bytes.
#[derive(Debug)]
pub(super) struct BitsPerByte;

impl Metric for BitsPerByte {
    fn name(&self) -> &'static str {
        "bits_per_byte"
    }

    fn summary(&self) -> &'static str {
        "bits that a byte of the texts takes, written by the model's probabilities"
    }

    fn judges(&self) -> Judged {
        Judged::Tokens
    }

    fn values(&self) -> &'static [MetricValue] {
        const { &[MetricValue::lower("bits_per_byte")] }
    }

    fn compute(&self, outcomes: &Outcomes) -> Vec<(&'static str, f64)> {
        let Outcomes::Tokens(outcomes) = outcomes else {
            return Vec::new();
        };
        let bits = outcomes.loss() / std::f64::consts::LN_2;
        let bytes = outcomes.bytes();
        bytes
            .map(|bytes| ("bits_per_byte", bits / bytes as f64))
            .into_iter()
            .collect()
    }
}
