//! The short-time Fourier transform as power, as `torch.stft` has it: a periodic Hann window in the
//! middle of each frame, the sound reflected at its ends. It computes in `f64`: in `f32` the rounding of
//! a loud band would be seen, after the logarithm, in every band that is 70 dB weaker.

use std::f64::consts::TAU;
use std::fmt;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

/// A prepared transform.
#[derive(Clone)]
pub(super) struct ShortTime {
    transform: Arc<dyn RealToComplex<f64>>,
    /// The window, padded to the transform's length.
    window: Vec<f64>,
    hop_length: usize,
    center: bool,
}

impl fmt::Debug for ShortTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShortTime")
            .field("n_fft", &self.window.len())
            .field("hop_length", &self.hop_length)
            .field("center", &self.center)
            .finish_non_exhaustive()
    }
}

impl ShortTime {
    pub(super) fn new(n_fft: usize, win_length: usize, hop_length: usize, center: bool) -> Self {
        let left = (n_fft - win_length) / 2;
        let mut window = vec![0.0; n_fft];
        for (index, value) in window.iter_mut().skip(left).take(win_length).enumerate() {
            *value = 0.5 - 0.5 * (TAU * index as f64 / win_length as f64).cos();
        }
        Self {
            transform: RealFftPlanner::new().plan_fft_forward(n_fft),
            window,
            hop_length,
            center,
        }
    }

    /// Frequencies of a spectrum.
    pub(super) fn bins(&self) -> usize {
        self.window.len() / 2 + 1
    }

    /// Frames of a sound of so many samples; at least one.
    pub(super) fn frames(&self, samples: usize) -> usize {
        if self.center {
            1 + samples / self.hop_length
        } else {
            1 + samples.saturating_sub(self.window.len()) / self.hop_length
        }
    }

    /// Calls `each` with the number and the power spectrum of every frame.
    pub(super) fn power(&self, samples: &[f32], mut each: impl FnMut(usize, &[f64])) {
        let mut input = self.transform.make_input_vec();
        let mut output = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        let mut power = vec![0.0; self.bins()];
        let margin = if self.center {
            self.window.len() / 2
        } else {
            0
        };
        for frame in 0..self.frames(samples.len()) {
            self.cut(samples, frame * self.hop_length, margin, &mut input);
            // The buffers were made by the transform, so that their lengths are right.
            if self
                .transform
                .process_with_scratch(&mut input, &mut output, &mut scratch)
                .is_ok()
            {
                for (power, value) in power.iter_mut().zip(&output) {
                    *power = value.norm_sqr();
                }
                each(frame, &power);
            }
        }
    }

    /// Fills `frame` with the windowed samples from `start − margin`.
    fn cut(&self, samples: &[f32], start: usize, margin: usize, frame: &mut [f64]) {
        if let Some(inside) = start
            .checked_sub(margin)
            .and_then(|first| samples.get(first..first + frame.len()))
        {
            for ((value, sample), weight) in frame.iter_mut().zip(inside).zip(&self.window) {
                *value = f64::from(*sample) * weight;
            }
            return;
        }
        for (at, (value, weight)) in frame.iter_mut().zip(&self.window).enumerate() {
            let place = (start + at).cast_signed() - margin.cast_signed();
            let sample = if self.center {
                samples.get(reflected(place, samples.len())).copied()
            } else {
                // A sound shorter than one frame is followed by silence.
                usize::try_from(place)
                    .ok()
                    .and_then(|place| samples.get(place).copied())
            };
            *value = f64::from(sample.unwrap_or(0.0)) * weight;
        }
    }
}

/// The sample that stands for one outside of the sound, which is mirrored at its first and last
/// sample as often as needed.
fn reflected(place: isize, length: usize) -> usize {
    let period = 2 * (length.cast_signed() - 1);
    if period <= 0 {
        return 0;
    }
    let place = place.rem_euclid(period);
    place.min(period - place).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_mirrored_as_often_as_needed() {
        let places: Vec<usize> = (-5..9).map(|place| reflected(place, 3)).collect();
        assert_eq!(places, [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0]);
        assert_eq!(reflected(-7, 1), 0);
    }
}
