//! How far predicted numbers are from the true ones.

use std::collections::BTreeMap;

use mofang_data::Split;
use serde::{Deserialize, Serialize};

use crate::metrics::NumberOutcomes;

/// Most pairs that are kept for a picture.
const PAIRS_MAX: usize = 1_500;

/// The shares of residuals whose quantiles are told, in percent.
const QUANTILES: [u32; 7] = [1, 5, 25, 50, 75, 95, 99];

/// How far answers that are numbers are from the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Residuals {
    /// Quantiles of predicted − true, by their share in percent.
    pub quantiles: BTreeMap<String, f64>,
    /// True and predicted number of examples spread over the split, in its order, for a picture.
    pub pairs: Vec<(f64, f64)>,
    /// The examples with the largest errors, largest first.
    pub largest: Vec<NumberError>,
}

/// An example whose number was predicted wrongly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumberError {
    /// Where it stands in the split.
    pub index: usize,
    /// Where it stands in its source.
    pub id: String,
    /// What it is.
    pub truth: f64,
    /// What it was taken for.
    pub predicted: f64,
}

impl Residuals {
    /// Those of a split, with so many of the largest.
    pub(crate) fn of(split: &Split, outcomes: &NumberOutcomes, count: usize) -> Self {
        let mut sorted: Vec<f64> = outcomes.pairs().map(|(a, b)| a - b).collect();
        sorted.sort_by(f64::total_cmp);
        let quantile = |percent: u32| {
            let place = (sorted.len() - 1) * percent as usize;
            // The nearest of the residuals.
            let value = sorted.get((place + 50) / 100).copied().unwrap_or(0.0);
            (percent.to_string(), value)
        };
        let stride = outcomes.len().div_ceil(PAIRS_MAX).max(1);
        let mut largest: Vec<NumberError> = outcomes
            .pairs()
            .zip(split.examples())
            .enumerate()
            .map(|(index, ((predicted, truth), example))| NumberError {
                index,
                id: example.id.clone(),
                truth,
                predicted,
            })
            .collect();
        let size = |error: &NumberError| (error.predicted - error.truth).abs();
        largest.sort_by(|a, b| size(b).total_cmp(&size(a)));
        largest.truncate(count);
        Self {
            quantiles: QUANTILES.into_iter().map(quantile).collect(),
            pairs: outcomes
                .pairs()
                .map(|(a, b)| (b, a))
                .step_by(stride)
                .collect(),
            largest,
        }
    }
}
