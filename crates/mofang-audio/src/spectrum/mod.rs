//! Spectra of sounds, as torchaudio computes them.

mod decibels;
mod mel_filters;
mod mel_scale;
mod mel_spectrogram;
mod mfcc;
mod short_time;

pub use decibels::{Compression, amplitude_to_db};
pub use mel_scale::MelScale;
pub use mel_spectrogram::{MelNorm, MelSettings, MelSpectrogram};
pub use mfcc::{Mfcc, MfccSettings};
