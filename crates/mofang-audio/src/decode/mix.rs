//! The mean of the channels.

/// Appends the mean of the channels of each frame of interleaved samples.
pub(super) fn interleaved(samples: &[f32], channels: usize, mono: &mut Vec<f32>) {
    if channels == 1 {
        mono.extend_from_slice(samples);
        return;
    }
    let scale = f32::from(u16::try_from(channels).unwrap_or(u16::MAX)).recip();
    mono.extend(
        samples
            .chunks_exact(channels.max(1))
            .map(|frame| frame.iter().sum::<f32>() * scale),
    );
}
