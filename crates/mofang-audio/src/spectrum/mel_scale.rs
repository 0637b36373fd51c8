//! The two scales of pitch that are called mel.

use serde::{Deserialize, Serialize};

/// How hertz become mel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MelScale {
    /// `2595 · log10(1 + f / 700)` (O'Shaughnessy 1987), as HTK and torchaudio have it.
    #[default]
    Htk,
    /// Linear up to 1 kHz and logarithmic above (Slaney's Auditory Toolbox, 1998), as librosa has it.
    Slaney,
}

/// Mel of each hertz below [`BREAK_HERTZ`].
const LINEAR: f64 = 3.0 / 200.0;
const BREAK_HERTZ: f64 = 1000.0;
const BREAK_MEL: f64 = BREAK_HERTZ * LINEAR;

/// Growth of the logarithm for each mel above the break: 27 mel from 1 to 6.4 kHz.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

impl MelScale {
    /// Mel of a frequency.
    pub fn to_mel(self, hertz: f64) -> f64 {
        match self {
            Self::Htk => 2595.0 * (1.0 + hertz / 700.0).log10(),
            Self::Slaney if hertz >= BREAK_HERTZ => {
                BREAK_MEL + (hertz / BREAK_HERTZ).ln() / log_step()
            }
            Self::Slaney => hertz * LINEAR,
        }
    }

    /// The frequency of a mel, in hertz.
    pub fn to_hertz(self, mel: f64) -> f64 {
        match self {
            Self::Htk => 700.0 * (10.0_f64.powf(mel / 2595.0) - 1.0),
            Self::Slaney if mel >= BREAK_MEL => {
                BREAK_HERTZ * ((mel - BREAK_MEL) * log_step()).exp()
            }
            Self::Slaney => mel / LINEAR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for scale in [MelScale::Htk, MelScale::Slaney] {
            for hertz in [0.0, 60.0, 999.0, 1_000.0, 1_001.0, 20_000.0] {
                let back = scale.to_hertz(scale.to_mel(hertz));
                assert!((back - hertz).abs() < 1e-6, "{scale:?} {hertz} {back}");
            }
        }
        assert!((MelScale::Slaney.to_mel(6_400.0) - 42.0).abs() < 1e-9);
        assert!((MelScale::Htk.to_mel(1_000.0) - 999.985_6).abs() < 1e-3);
    }
}
