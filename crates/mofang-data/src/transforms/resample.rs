//! Separable resampling of 8-bit samples in fixed point, bit for bit as Pillow does it
//! (`Image.resize`, its `Resample.c`): across the columns first, then across the rows, each filter
//! widened when the image shrinks. A model loses accuracy on images that were resized otherwise than
//! those it learned from, and most published models learned from Pillow's.

use super::{Filter, check_samples};
use crate::{DataError, Pixels};

/// Fraction bits of a weight: 32 less 8 of the sample and 2 of headroom.
const PRECISION_BITS: u32 = 22;

/// How much a sample counts by its distance.
struct Kernel {
    /// Half the width of the filter.
    support: f64,
    weight: fn(f64) -> f64,
}

/// The weights of the input samples that make one output sample.
struct Window {
    start: usize,
    weights: Vec<i32>,
}

/// Resizes to `height` × `width`.
pub(super) fn resample(
    pixels: &Pixels,
    height: usize,
    width: usize,
    filter: Filter,
) -> Result<Pixels, DataError> {
    let channels = pixels.channels();
    check_samples("resize", pixels.height(), width, channels)?;
    check_samples("resize", height, width, channels)?;
    let Some(kernel) = kernel(filter) else {
        return nearest(pixels, height, width);
    };
    let across = if width == pixels.width() {
        None
    } else {
        let windows = windows(pixels.width(), width, &kernel);
        Some(match channels {
            1 => columns::<1>(pixels.data(), pixels.width(), &windows),
            _ => columns::<3>(pixels.data(), pixels.width(), &windows),
        })
    };
    let data = if height == pixels.height() {
        across.unwrap_or_else(|| pixels.data().to_vec())
    } else {
        let windows = windows(pixels.height(), height, &kernel);
        let source = across.as_deref().unwrap_or(pixels.data());
        rows(source, width * channels, &windows)
    };
    Pixels::new(height, width, channels, data)
}

/// The kernel of a filter; `None` for the nearest sample.
fn kernel(filter: Filter) -> Option<Kernel> {
    let (support, weight): (f64, fn(f64) -> f64) = match filter {
        Filter::Nearest => return None,
        Filter::Bilinear => (1.0, |x| (1.0 - x.abs()).max(0.0)),
        Filter::Bicubic => (2.0, bicubic),
        Filter::Lanczos => (3.0, lanczos),
    };
    Some(Kernel { support, weight })
}

/// Keys' cubic convolution with a = −0.5.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// The windowed sinc with three lobes.
fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| {
        if x == 0.0 {
            1.0
        } else {
            let x = x * std::f64::consts::PI;
            x.sin() / x
        }
    };
    if (-3.0..3.0).contains(&x) {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

fn windows(input: usize, output: usize, kernel: &Kernel) -> Vec<Window> {
    let scale = input as f64 / output as f64;
    let filter_scale = scale.max(1.0);
    let support = kernel.support * filter_scale;
    (0..output)
        .map(|position| {
            let center = (position as f64 + 0.5) * scale;
            let start = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(input);
            let weights: Vec<f64> = (start..end)
                .map(|at| (kernel.weight)((at as f64 - center + 0.5) * (1.0 / filter_scale)))
                .collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |weight: f64| {
                let weight = if sum == 0.0 { weight } else { weight / sum };
                (weight * f64::from(1_u32 << PRECISION_BITS)).round() as i32
            };
            Window {
                start,
                weights: weights.into_iter().map(fixed).collect(),
            }
        })
        .collect()
}

fn to_sample(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// One half, so that the shift rounds.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Resamples each row of `width` pixels of `CHANNELS` samples.
fn columns<const CHANNELS: usize>(data: &[u8], width: usize, windows: &[Window]) -> Vec<u8> {
    let row_length = width * CHANNELS;
    let mut result = Vec::with_capacity(data.len() / row_length.max(1) * windows.len() * CHANNELS);
    for row in data.chunks_exact(row_length) {
        let (row, _) = row.as_chunks::<CHANNELS>();
        for window in windows {
            let mut sums = [HALF; CHANNELS];
            let source = row.get(window.start..).unwrap_or_default();
            for (pixel, weight) in source.iter().zip(&window.weights) {
                for (sum, sample) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*sample) * weight;
                }
            }
            result.extend(sums.map(to_sample));
        }
    }
    result
}

/// Resamples each column; a row has `row_length` samples.
fn rows(data: &[u8], row_length: usize, windows: &[Window]) -> Vec<u8> {
    let mut result = Vec::with_capacity(row_length * windows.len());
    let mut sums = vec![HALF; row_length];
    for window in windows {
        sums.fill(HALF);
        let source = data.chunks_exact(row_length).skip(window.start);
        for (row, weight) in source.zip(&window.weights) {
            for (sum, sample) in sums.iter_mut().zip(row) {
                *sum += i32::from(*sample) * weight;
            }
        }
        result.extend(sums.iter().map(|sum| to_sample(*sum)));
    }
    result
}

fn nearest(pixels: &Pixels, height: usize, width: usize) -> Result<Pixels, DataError> {
    let channels = pixels.channels();
    let place = |position: usize, input: usize, output: usize| {
        ((position as f64 + 0.5) * (input as f64 / output as f64)) as usize
    };
    let row_length = pixels.width() * channels;
    let mut data = Vec::with_capacity(height * width * channels);
    for row in 0..height {
        let from = place(row, pixels.height(), height).min(pixels.height() - 1) * row_length;
        let source = pixels
            .data()
            .get(from..from + row_length)
            .unwrap_or_default();
        for column in 0..width {
            let from = place(column, pixels.width(), width).min(pixels.width() - 1) * channels;
            data.extend_from_slice(source.get(from..from + channels).unwrap_or_default());
        }
    }
    Pixels::new(height, width, channels, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_stays_constant_and_extremes_do_not_wrap() {
        for filter in [
            Filter::Nearest,
            Filter::Bilinear,
            Filter::Bicubic,
            Filter::Lanczos,
        ] {
            let white = Pixels::new(7, 5, 3, vec![255; 105]).unwrap();
            for (height, width) in [(3, 2), (13, 11), (1, 1)] {
                let resized = resample(&white, height, width, filter).unwrap();
                assert_eq!(resized.data(), vec![255; height * width * 3], "{filter:?}");
            }
            // An edge overshoots with the last two filters; samples are clamped, not wrapped.
            let edge = Pixels::new(1, 8, 1, vec![0, 0, 0, 0, 255, 255, 255, 255]).unwrap();
            let resized = resample(&edge, 1, 16, filter).unwrap();
            let (dark, light) = resized.data().split_at(8);
            assert!(dark.iter().all(|sample| *sample < 128), "{resized:?}");
            assert!(light.iter().all(|sample| *sample > 127), "{resized:?}");
        }
    }

    #[test]
    fn what_would_be_huge_on_the_way_is_refused() {
        let long = Pixels::new(65_000, 1, 1, vec![0; 65_000]).unwrap();
        assert!(resample(&long, 1, 8_000, Filter::Bilinear).is_err());
    }
}
