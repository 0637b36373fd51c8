//! Loudness of a sound: by its peak or by the root of its mean square.

use crate::{AudioError, Waveform};

/// Scales so that the largest absolute value is `peak`; silence stays silence.
///
/// # Errors
/// A peak that is not positive and finite.
pub fn normalize_peak(waveform: &mut Waveform, peak: f32) -> Result<(), AudioError> {
    check_level("peak", peak)?;
    let present = waveform.peak();
    scale(waveform, peak / present);
    Ok(())
}

/// Scales so that the root of the mean square is `rms`; silence stays silence. Samples may go beyond 1.
///
/// # Errors
/// A level that is not positive and finite.
pub fn normalize_rms(waveform: &mut Waveform, rms: f32) -> Result<(), AudioError> {
    check_level("rms", rms)?;
    let present = waveform.rms();
    scale(waveform, rms / present);
    Ok(())
}

fn check_level(name: &str, level: f32) -> Result<(), AudioError> {
    if level.is_finite() && level > 0.0 {
        return Ok(());
    }
    Err(AudioError::InvalidSetting(format!(
        "{name} = {level} has to be a positive number"
    )))
}

fn scale(waveform: &mut Waveform, factor: f32) {
    // Of silence, or of what is as good as silent, there is nothing to make louder.
    if factor.is_finite() {
        for sample in waveform.samples_mut() {
            *sample *= factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_reached() {
        let waveform = Waveform::new(8_000, vec![0.1, -0.2, 0.1, 0.0]).unwrap();
        let mut by_peak = waveform.clone();
        normalize_peak(&mut by_peak, 0.9).unwrap();
        assert!((by_peak.peak() - 0.9).abs() < 1e-6);
        let mut by_rms = waveform.clone();
        normalize_rms(&mut by_rms, 0.1).unwrap();
        assert!((by_rms.rms() - 0.1).abs() < 1e-6);
    }

    #[test]
    fn silence_stays_and_absurd_levels_are_refused() {
        let mut silence = Waveform::new(8_000, vec![0.0; 4]).unwrap();
        normalize_peak(&mut silence, 1.0).unwrap();
        normalize_rms(&mut silence, 1.0).unwrap();
        assert_eq!(silence.samples(), [0.0; 4]);
        assert!(normalize_peak(&mut silence, 0.0).is_err());
        assert!(normalize_rms(&mut silence, f32::INFINITY).is_err());
    }
}
