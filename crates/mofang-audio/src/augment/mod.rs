//! Random changes of training examples: of sounds, and of features. Each takes its randomness from the
//! generator that it is given, so that the same seed gives the same bits.

mod gain;
mod noise;
mod spec_augment;
mod speed;
mod time_shift;

pub use gain::RandomGain;
pub use noise::{AdditiveNoise, add_at_ratio};
pub use spec_augment::SpecAugment;
pub use speed::SpeedPerturbation;
pub use time_shift::TimeShift;

use crate::AudioError;

/// Checks that a probability is one.
fn check_probability(probability: f32) -> Result<(), AudioError> {
    check_range("probability", probability, 0.0, 1.0)
}

fn check_range(name: &str, value: f32, low: f32, high: f32) -> Result<(), AudioError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(AudioError::InvalidSetting(format!(
        "{name} = {value} has to be between {low} and {high}"
    )))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is moved or masked keeps its bits")]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{Features, Waveform};

    fn generator(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    fn sound() -> Waveform {
        let samples = (0_u16..4_000).map(|index| (f32::from(index) * 0.1).sin());
        Waveform::new(8_000, samples.collect()).unwrap()
    }

    fn features() -> Features {
        Features::new(20, 50, (0_u16..1_000).map(f32::from).collect()).unwrap()
    }

    fn noise() -> AdditiveNoise {
        AdditiveNoise {
            probability: 1.0,
            ratio_db_min: 10.0,
            ratio_db_max: 20.0,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_and_another_others() {
        let augmented = |seed| {
            let mut generator = generator(seed);
            let speed = SpeedPerturbation {
                factors: vec![0.9, 1.0, 1.1],
            };
            let mut sound = speed.apply(&sound(), &mut generator).unwrap();
            RandomGain { decibels: 6.0 }.apply(&mut sound, &mut generator);
            TimeShift { seconds_max: 0.1 }.apply(&mut sound, &mut generator);
            noise().apply(&mut sound, &mut generator);
            let mut features = features();
            SpecAugment::default().apply(&mut features, &mut generator);
            (sound, features)
        };
        assert_eq!(augmented(7), augmented(7));
        assert_ne!(augmented(7).0, augmented(8).0);
        assert_ne!(augmented(7).1, augmented(8).1);
    }

    #[test]
    fn speed_changes_the_length_by_its_factor() {
        for (factor, length) in [(0.5, 8_000), (0.8, 5_000), (1.0, 4_000), (1.25, 3_200)] {
            let speed = SpeedPerturbation {
                factors: vec![factor],
            };
            let faster = speed.apply(&sound(), &mut generator(1)).unwrap();
            assert_eq!(faster.samples().len(), length);
            assert_eq!(faster.sample_rate(), 8_000);
        }
    }

    #[test]
    fn noise_has_the_ratio_that_was_asked_for() {
        for decibels in [0.0, 10.0, 30.0] {
            let setting = AdditiveNoise {
                probability: 1.0,
                ratio_db_min: decibels,
                ratio_db_max: decibels,
            };
            let mut noisy = sound();
            setting.apply(&mut noisy, &mut generator(3));
            let difference: Vec<f32> = noisy
                .samples()
                .iter()
                .zip(sound().samples())
                .map(|(noisy, clean)| noisy - clean)
                .collect();
            let noise = Waveform::new(8_000, difference).unwrap();
            let measured = 20.0 * (sound().rms() / noise.rms()).log10();
            assert!((measured - decibels).abs() < 0.01, "{measured} {decibels}");
        }
    }

    #[test]
    fn a_shift_moves_and_fills_with_silence() {
        let mut seen = [false; 2];
        for seed in 0..20 {
            let mut shifted = sound();
            TimeShift { seconds_max: 0.01 }.apply(&mut shifted, &mut generator(seed));
            let clean = sound();
            let by = (-80..=80_isize)
                .find(|by| {
                    shifted.samples().iter().enumerate().all(|(index, sample)| {
                        let from = index.checked_add_signed(-by);
                        let expected = from.and_then(|from| clean.samples().get(from));
                        *sample == expected.copied().unwrap_or(0.0)
                    })
                })
                .unwrap();
            seen[usize::from(by > 0)] = true;
        }
        assert_eq!(seen, [true; 2]);
    }

    #[test]
    fn masks_are_whole_rows_and_columns_of_the_mean() {
        let setting = SpecAugment {
            frequency_masks: 1,
            frequency_width_max: 5,
            time_masks: 1,
            time_width_max: 10,
            ..SpecAugment::default()
        };
        let mean = 499.5;
        let mut masked_rows = 0;
        for seed in 0..20 {
            let mut masked = features();
            setting.apply(&mut masked, &mut generator(seed));
            let rows: Vec<bool> = masked
                .values()
                .chunks_exact(50)
                .map(|row| row.iter().all(|value| *value == mean))
                .collect();
            let columns: Vec<bool> = (0..50)
                .map(|frame| (0..20).all(|band| masked.values()[band * 50 + frame] == mean))
                .collect();
            masked_rows += rows.iter().filter(|row| **row).count();
            assert!(rows.iter().filter(|row| **row).count() <= 5);
            assert!(columns.iter().filter(|column| **column).count() <= 10);
            for (index, (value, clean)) in
                masked.values().iter().zip(features().values()).enumerate()
            {
                let hidden = rows[index / 50] || columns[index % 50];
                assert_eq!(*value, if hidden { mean } else { *clean });
            }
        }
        assert!(masked_rows > 0);
    }

    #[test]
    fn masks_of_a_short_example_are_short() {
        let setting = SpecAugment {
            frequency_masks: 0,
            time_masks: 1,
            time_width_max: 1_000,
            time_fraction_max: 0.2,
            ..SpecAugment::default()
        };
        for seed in 0..20 {
            let mut masked = features();
            setting.apply(&mut masked, &mut generator(seed));
            let changed = masked
                .values()
                .iter()
                .zip(features().values())
                .filter(|(masked, clean)| masked != clean)
                .count();
            assert!(changed <= 20 * 10, "{changed}");
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(RandomGain { decibels: -1.0 }.check().is_err());
        assert!(
            TimeShift {
                seconds_max: f32::NAN
            }
            .check()
            .is_err()
        );
        for factors in [vec![], vec![0.1], vec![f32::NAN]] {
            assert!(SpeedPerturbation { factors }.check().is_err());
        }
        let upside_down = AdditiveNoise {
            ratio_db_min: 30.0,
            ..noise()
        };
        assert!(upside_down.check().is_err());
        let beyond = SpecAugment {
            time_fraction_max: 1.5,
            ..SpecAugment::default()
        };
        assert!(beyond.check().is_err());
        for setting in [0.0, 1.0] {
            assert!(check_probability(setting).is_ok());
        }
    }

    #[test]
    fn silence_gets_no_noise() {
        let mut silence = Waveform::new(8_000, vec![0.0; 100]).unwrap();
        noise().apply(&mut silence, &mut generator(1));
        assert_eq!(silence.samples(), [0.0; 100]);
    }
}
