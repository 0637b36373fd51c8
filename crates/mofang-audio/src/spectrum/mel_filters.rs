//! Triangular filters, equally wide on the mel scale (Davis and Mermelstein 1980), as
//! `torchaudio.functional.melscale_fbanks` makes them.

use super::{MelNorm, MelScale};

/// The part of a filter that is not zero.
#[derive(Debug, Clone)]
pub(super) struct MelFilter {
    /// The first frequency of the spectrum that counts.
    pub(super) start: usize,
    pub(super) weights: Vec<f64>,
}

impl MelFilter {
    pub(super) fn apply(&self, spectrum: &[f64]) -> f64 {
        let spectrum = spectrum.get(self.start..).unwrap_or_default();
        spectrum
            .iter()
            .zip(&self.weights)
            .map(|(value, weight)| value * weight)
            .sum()
    }
}

/// What filters are made of.
pub(super) struct Bank {
    pub(super) scale: MelScale,
    pub(super) norm: MelNorm,
    pub(super) sample_rate: u32,
    pub(super) bands: usize,
    pub(super) hertz_min: f64,
    pub(super) hertz_max: f64,
}

impl Bank {
    /// One filter for each band, over `bins` frequencies from 0 to the Nyquist frequency.
    pub(super) fn filters(&self, bins: usize) -> Vec<MelFilter> {
        // torchaudio halves the rate as an integer.
        let nyquist = f64::from(self.sample_rate / 2);
        let last = bins.saturating_sub(1).max(1) as f64;
        let (low, high) = (
            self.scale.to_mel(self.hertz_min),
            self.scale.to_mel(self.hertz_max),
        );
        let corner = |index: usize| {
            let part = index as f64 / (self.bands + 1) as f64;
            self.scale.to_hertz(low + (high - low) * part)
        };
        (0..self.bands)
            .map(|band| {
                let (left, middle, right) = (corner(band), corner(band + 1), corner(band + 2));
                let height = match self.norm {
                    MelNorm::None => 1.0,
                    MelNorm::Slaney => 2.0 / (right - left),
                };
                let weight = |bin: usize| {
                    let hertz = nyquist * bin as f64 / last;
                    let rising = (hertz - left) / (middle - left);
                    let falling = (right - hertz) / (right - middle);
                    height * rising.min(falling).max(0.0)
                };
                let inside = |bin: &usize| weight(*bin) > 0.0;
                let start = (0..bins).find(inside).unwrap_or(0);
                let weights = (start..bins).take_while(inside).map(weight).collect();
                MelFilter { start, weights }
            })
            .collect()
    }
}
