//! Sound files in, features out, on plain slices: no tensor library is known here.
//!
//! [`decode`] reads WAV, FLAC and MP3 within limits; [`resample`], [`trim_silence`] and the
//! normalisations prepare a [`Waveform`]; [`MelSpectrogram`] and [`Mfcc`] give the features that
//! networks are trained on, as torchaudio computes them; [`augment`] changes training examples at
//! random; [`ctc`] reads symbols out of the probabilities of a network and [`error_rate`] tells how
//! far they are from the truth.
//!
//! Everything random takes its generator, and the same input gives the same bits on the same processor.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of samples are far below 2^52, and results are f32"
)]

pub mod augment;
pub mod ctc;
mod decode;
mod encode;
mod error;
pub mod error_rate;
mod features;
pub mod limits;
mod normalize;
mod resample;
mod silence;
mod spectrum;
mod waveform;

pub use decode::{decode, sniff};
pub use encode::encode_wav;
pub use error::{AudioError, SoundFormat};
pub use features::Features;
pub use normalize::{normalize_peak, normalize_rms};
pub use resample::resample;
pub use silence::{SilenceSettings, trim_silence};
pub use spectrum::{
    Compression, MelNorm, MelScale, MelSettings, MelSpectrogram, Mfcc, MfccSettings,
    amplitude_to_db,
};
pub use waveform::Waveform;
