//! How long the features of one second of sound at 16 kHz take: `cargo run --release -p mofang-audio
//! --example log_mel_speed`.

#![expect(
    clippy::print_stdout,
    reason = "an example that prints what it measures"
)]

use mofang_audio::{MelSettings, MelSpectrogram, Mfcc, MfccSettings, Waveform, resample};
use mofang_types::{Clock as _, SystemClock};

const REPETITIONS: u32 = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let second = |sample_rate: u16| {
        let samples = (0..sample_rate)
            .map(|index| (f32::from(index) * f32::from(index) * 1e-4).sin())
            .collect();
        Waveform::new(u32::from(sample_rate), samples)
    };
    let sound = second(16_000)?;
    let mel = MelSpectrogram::new(&MelSettings::default(), 16_000)?;
    let mfcc = Mfcc::new(&MfccSettings::default(), 16_000)?;
    let disc = second(44_100)?;
    time("log-mel, 80 bands each 10 ms", || {
        mel.compute(&sound).map(|features| features.values()[0])
    })?;
    time("MFCC, 40 of 80 bands each 10 ms", || {
        mfcc.compute(&sound).map(|features| features.values()[0])
    })?;
    time("resampling 44.1 to 16 kHz", || {
        resample(&disc, 16_000).map(|sound| sound.samples()[0])
    })?;
    Ok(())
}

/// Prints the mean time of one call.
fn time<E>(name: &str, mut each: impl FnMut() -> Result<f32, E>) -> Result<(), E> {
    let clock = SystemClock::default();
    let (mut sum, start) = (each()?, clock.monotonic());
    for _ in 0..REPETITIONS {
        sum += each()?;
    }
    let elapsed = clock.monotonic().saturating_sub(start) / REPETITIONS;
    println!("{name}: {elapsed:?} for 1 s of sound (sum {sum})");
    Ok(())
}
