//! Change of the sample rate by a windowed sinc (Smith, "Digital Audio Resampling", 2002), with the
//! Kaiser window that librosa and torchaudio call `kaiser_best`.
//!
//! What lies above the lower of the two Nyquist frequencies is removed; up to 0.94 of it the sound
//! stays within 100 dB of an ideal resampler (measured on sines in the tests). Weights are computed
//! by a table of the kernel, which keeps them right to 10⁻⁶ for any pair of rates. They are computed once:
//! for every phase, or, of rates with too many phases, for places so near to each other that what lies
//! between follows. So an odd rate in a file's header costs twice the time of a usual one, and no more.

use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::{AudioError, Waveform, limits};

/// Zero crossings of the sinc on each side.
const ZERO_CROSSINGS: f64 = 64.0;

/// Where the filter cuts, as a part of the lower Nyquist frequency.
const ROLL_OFF: f64 = 0.947_593_716_739_959_6;

/// Shape of the window.
const BETA: f64 = 14.769_656_459_379_492;

/// Points of the kernel's table between two zero crossings.
const POINTS: usize = 1024;

/// Most weights for which every phase has its own: 4 MiB.
const PHASE_WEIGHTS_MAX: u64 = 1 << 20;

/// Resamples to `sample_rate`; the sound keeps its length in seconds, rounded up to a sample.
///
/// # Errors
/// A rate that is not accepted, or more samples than [`limits`] accepts.
pub fn resample(waveform: &Waveform, sample_rate: u32) -> Result<Waveform, AudioError> {
    limits::check_sample_rate(sample_rate)?;
    if waveform.sample_rate() == sample_rate {
        return Ok(waveform.clone());
    }
    let input = u64::from(waveform.sample_rate());
    let samples = resample_ratio(waveform.samples(), input, u64::from(sample_rate))?;
    Ok(Waveform::from_parts(sample_rate, samples))
}

/// Gives `to` samples for every `from`.
pub(crate) fn resample_ratio(samples: &[f32], from: u64, to: u64) -> Result<Vec<f32>, AudioError> {
    let divisor = greatest_common_divisor(from, to);
    let (from, to) = (from / divisor, to / divisor);
    let length = (samples.len() as u64 * to).div_ceil(from);
    if length > limits::SAMPLES_MAX {
        return Err(AudioError::TooLong {
            frames: length,
            sample_rate: u32::try_from(to * divisor).unwrap_or(u32::MAX),
        });
    }
    let filter = Filter::new(from, to);
    let mut result = Vec::with_capacity(length as usize);
    for index in 0..length {
        let (whole, phase) = (index * from / to, index * from % to);
        result.push(filter.output(samples, whole as usize, phase));
    }
    Ok(result)
}

/// The samples that count for one output, and how much.
struct Filter {
    /// Output samples for each repetition of the phases.
    to: u64,
    /// Input samples before the one at or below the output's place.
    before: usize,
    taps: usize,
    /// Into how many parts the weights divide the way from one input to the next.
    parts: u64,
    /// The weights of an output at the beginning of each part, and of one at the end of the last.
    weights: Vec<f32>,
}

impl Filter {
    fn new(from: u64, to: u64) -> Self {
        // Relative to the input's Nyquist frequency.
        let cut_off = (to as f64 / from as f64).min(1.0) * ROLL_OFF;
        let before = (ZERO_CROSSINGS / cut_off).ceil() as usize;
        let taps = 2 * before + 1;
        let parts = if to.saturating_mul(taps as u64) > PHASE_WEIGHTS_MAX {
            // As fine as the kernel's table: some 130 000 weights for any pair of rates.
            (POINTS as f64 * cut_off).ceil() as u64
        } else {
            to
        };
        let mut weights = vec![0.0; (parts as usize + 1) * taps];
        for (part, row) in weights.chunks_exact_mut(taps).enumerate() {
            let offset = part as f64 / parts as f64;
            weigh(row, before, offset, cut_off);
        }
        Self {
            to,
            before,
            taps,
            parts,
            weights,
        }
    }

    /// The output that lies `phase / to` after the input at `whole`. Between the beginning and the end of a
    /// part it is on a straight line, as the kernel is between two points of its table.
    fn output(&self, samples: &[f32], whole: usize, phase: u64) -> f32 {
        let place = phase * self.parts;
        let (part, rest) = ((place / self.to) as usize, place % self.to);
        let begin = self.sum(samples, whole, part);
        if rest == 0 {
            return begin;
        }
        let end = self.sum(samples, whole, part + 1);
        begin + (end - begin) * (rest as f64 / self.to as f64) as f32
    }

    /// The sum around the input at `whole`, weighted for the beginning of `part`; silence lies on both sides
    /// of the sound.
    fn sum(&self, samples: &[f32], whole: usize, part: usize) -> f32 {
        let (skipped, start) = (
            self.before.saturating_sub(whole),
            whole.saturating_sub(self.before),
        );
        let row = part * self.taps;
        let samples = samples.get(start..).unwrap_or_default();
        let weights = self.weights.get(row + skipped..row + self.taps);
        dot(samples, weights.unwrap_or_default())
    }
}

/// The weights of an output that lies `offset` of the way to the next input.
fn weigh(row: &mut [f32], before: usize, offset: f64, cut_off: f64) {
    for (tap, weight) in row.iter_mut().enumerate() {
        let distance = tap as f64 - before as f64 - offset;
        *weight = (value(distance * cut_off) * cut_off) as f32;
    }
}

/// The kernel at `crossings` zero crossings from its middle, between two points of the table.
fn value(crossings: f64) -> f64 {
    let place = crossings.abs() * POINTS as f64;
    let index = place as usize;
    match KERNEL.get(index..index + 2) {
        Some([low, high]) => low + (high - low) * (place - index as f64),
        _ => 0.0,
    }
}

/// The sum of products, in an order that vector instructions can follow.
fn dot(left: &[f32], right: &[f32]) -> f32 {
    const LANES: usize = 16;
    let length = left.len().min(right.len());
    let (left, right) = (&left[..length], &right[..length]);
    let (left_chunks, left_rest) = left.as_chunks::<LANES>();
    let (right_chunks, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (left, right) in left_chunks.iter().zip(right_chunks) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(l, r)| l * r).sum();
    sums.iter().sum::<f32>() + rest
}

/// The windowed sinc from its middle to its end, and a zero.
static KERNEL: LazyLock<Vec<f64>> = LazyLock::new(kernel);

fn kernel() -> Vec<f64> {
    let count = ZERO_CROSSINGS as usize * POINTS;
    let scale = bessel_i0(BETA).recip();
    let mut kernel: Vec<f64> = (0..=count)
        .map(|index| {
            let x = index as f64 / POINTS as f64;
            let part = x / ZERO_CROSSINGS;
            let window = bessel_i0(BETA * (1.0 - part * part).max(0.0).sqrt()) * scale;
            let sinc = if index == 0 {
                1.0
            } else {
                (PI * x).sin() / (PI * x)
            };
            sinc * window
        })
        .collect();
    kernel.push(0.0);
    kernel
}

/// The modified Bessel function of the first kind and order 0, by its series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

fn greatest_common_divisor(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left.max(1)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn sine(sample_rate: u32, count: usize, hertz: f64) -> Waveform {
        let samples = (0..count)
            .map(|index| (TAU * hertz * index as f64 / f64::from(sample_rate)).sin() as f32)
            .collect();
        Waveform::new(sample_rate, samples).unwrap()
    }

    /// The power of the sine over that of the difference, in decibels, away from the ends.
    fn quality(from: u32, to: u32, hertz: f64) -> f64 {
        let input = sine(from, from as usize / 2, hertz);
        let output = resample(&input, to).unwrap();
        assert_eq!(output.sample_rate(), to);
        assert_eq!(output.samples().len(), (to / 2) as usize);
        let expected = sine(to, (to / 2) as usize, hertz);
        let edge = to as usize / 10;
        let inside = edge..output.samples().len() - edge;
        let (mut signal, mut noise) = (0.0, 0.0);
        for (actual, expected) in output.samples()[inside.clone()]
            .iter()
            .zip(&expected.samples()[inside])
        {
            signal += f64::from(*expected).powi(2);
            noise += f64::from(actual - expected).powi(2);
        }
        10.0 * (signal / noise).log10()
    }

    #[test]
    fn sines_keep_their_shape() {
        for (from, to) in [
            (8_000, 16_000),
            (16_000, 8_000),
            (44_100, 16_000),
            (22_050, 16_000),
            (48_000, 44_100),
            // Coprime rates, whose phases have no weights of their own.
            (44_102, 16_000),
            (16_000, 47_998),
        ] {
            let nyquist = f64::from(from.min(to)) / 2.0;
            for part in [0.05, 0.5, 0.85] {
                let decibels = quality(from, to, nyquist * part);
                assert!(decibels > 100.0, "{from} to {to} at {part}: {decibels} dB");
            }
        }
    }

    #[test]
    fn odd_rates_take_few_weights_which_are_right() {
        let samples: Vec<f32> = (0..20_000_u32)
            .map(|index| (index.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0)
            .collect();
        for (from, to) in [
            (383_999, 8_000),
            (383_999, 1_000),
            (15_999, 16_000),
            (1_001, 383_999),
        ] {
            let filter = Filter::new(from, to);
            assert!(filter.weights.len() < 1 << 18, "{from} to {to}");
            let cut_off = (to as f64 / from as f64).min(1.0) * ROLL_OFF;
            let mut row = vec![0.0; filter.taps];
            let whole = 10_000_usize;
            for phase in [0, 1, to / 3, to / 2, to - 1] {
                weigh(&mut row, filter.before, phase as f64 / to as f64, cut_off);
                let first = whole.saturating_sub(filter.before);
                let skipped = filter.before.saturating_sub(whole);
                let expected = dot(&samples[first..], &row[skipped..]);
                let actual = filter.output(&samples, whole, phase);
                assert!(
                    (actual - expected).abs() < 2e-6,
                    "{from} to {to} at {phase}: {actual}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_removed() {
        // 7 kHz would come back as 1 kHz at a rate of 8 kHz.
        let output = resample(&sine(16_000, 16_000, 7_000.0), 8_000).unwrap();
        let inside = &output.samples()[800..7_200];
        let peak = inside.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        assert!(peak < 1e-5, "{peak}");
    }

    #[test]
    fn the_same_rate_and_the_same_run_give_the_same_bits() {
        let input = sine(8_000, 4_000, 440.0);
        assert_eq!(resample(&input, 8_000).unwrap(), input);
        assert_eq!(
            resample(&input, 11_025).unwrap(),
            resample(&input, 11_025).unwrap()
        );
    }

    #[test]
    fn one_sample_and_absurd_rates_do_not_panic() {
        let one = Waveform::new(8_000, vec![1.0]).unwrap();
        assert_eq!(resample(&one, 16_000).unwrap().samples().len(), 2);
        assert_eq!(resample(&one, 1_000).unwrap().samples().len(), 1);
        assert_eq!(resample(&one, 0), Err(AudioError::SampleRate(0)));
        let long = Waveform::new(1_000, vec![0.0; 600_000]).unwrap();
        assert!(matches!(
            resample(&long, 384_000),
            Err(AudioError::TooLong { .. })
        ));
    }
}
