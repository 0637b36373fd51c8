//! From a recording to a tensor.
//!
//! The first stage reads the file, resamples it and trims or scales the waveform. The second makes it
//! equally long and turns it into features `[1, bands, frames]`, an image of one channel. Augmentations
//! of the waveform act in the second stage, on equally long recordings but for `speed_perturbation`,
//! which changes the length and comes before; those of the features act before `standardize_features`.

use std::borrow::Cow;

use mofang_audio::{Features, MelSpectrogram, Mfcc, Waveform, decode};
use mofang_types::{ModelInput, Tensor};
use rand::Rng;

use super::front::{Augmenting, Front, Staged};
use crate::transforms::recording::{
    Align, BandStatistics, NormalizePeak, PadOrTrim, ResampleAudio, SilenceSettings,
    StandardizeFeatures, in_step,
};
use crate::{Augmentation, DataError, Example, RawExample, Transform};

/// The transforms of recordings, in an order in which they can stand.
#[derive(Debug)]
pub(super) struct RecordingFront {
    resample: ResampleAudio,
    waveform_steps: Vec<WaveformStep>,
    length: Option<PadOrTrim>,
    features: FeatureStep,
    standardize: Option<StandardizeFeatures>,
}

/// A step on the waveform.
#[derive(Debug, Clone)]
enum WaveformStep {
    NormalizePeak(NormalizePeak),
    TrimSilence(SilenceSettings),
}

/// What makes features of a waveform.
#[derive(Debug)]
enum FeatureStep {
    LogMel(MelSpectrogram),
    Mfcc(Mfcc),
}

impl FeatureStep {
    fn compute(&self, waveform: &Waveform) -> Result<Features, DataError> {
        Ok(match self {
            Self::LogMel(step) => step.compute(waveform)?,
            Self::Mfcc(step) => step.compute(waveform)?,
        })
    }

    fn shape(&self, samples: usize) -> [usize; 3] {
        match self {
            Self::LogMel(step) => [1, step.bands(), step.frames(samples)],
            Self::Mfcc(step) => [1, step.bands(), step.frames(samples)],
        }
    }
}

/// The place of a step: steps stand in the order of their places, and all but those of the waveform
/// at most once.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "transforms of other domains have no place here, whatever they are"
)]
fn place(transform: &Transform) -> Option<u8> {
    match transform {
        Transform::DecodeAudio(_) => Some(0),
        Transform::ResampleAudio(_) => Some(1),
        Transform::NormalizePeak(_) | Transform::TrimSilence(_) => Some(WAVEFORM_PLACE),
        Transform::PadOrTrim(_) => Some(3),
        Transform::LogMel(_) | Transform::Mfcc(_) => Some(4),
        Transform::StandardizeFeatures(_) => Some(5),
        _ => None,
    }
}

const WAVEFORM_PLACE: u8 = 2;

fn check_order(transforms: &[Transform]) -> Result<(), DataError> {
    for pair in transforms.windows(2) {
        let [first, second] = pair else { continue };
        let (before, after) = (place(first), place(second));
        if after < before {
            return Err(DataError::InvalidPipeline(format!(
                "`{}` stands after `{}`, and has to stand before it",
                second.name(),
                first.name()
            )));
        }
        if after == before && after != Some(WAVEFORM_PLACE) {
            return Err(DataError::InvalidPipeline(format!(
                "`{}` stands after `{}`, and there can be only one of them",
                second.name(),
                first.name()
            )));
        }
    }
    Ok(())
}

/// That no step moves what is said in time: words are told with their times in the recording as it came.
pub(super) fn check_times(transforms: &[Transform]) -> Result<(), DataError> {
    let moved = |step: &str, way: &str| {
        Err(DataError::InvalidPipeline(format!(
            "`{step}` moves what is said, and words are told with their times in the recording; {way}"
        )))
    };
    for transform in transforms {
        if let Transform::TrimSilence(_) = transform {
            return moved("trim_silence", "leave it out");
        }
        if let Transform::PadOrTrim(step) = transform
            && step.align != Align::Start
        {
            return moved("pad_or_trim", "give it align = \"start\"");
        }
    }
    Ok(())
}

fn missing(step: &str, why: &str) -> DataError {
    DataError::InvalidPipeline(format!("`{step}` is missing, {why}"))
}

/// Finds what `standardize_features` leaves to the training examples.
pub(super) fn fit(transforms: &mut [Transform], examples: &[Example]) -> Result<(), DataError> {
    let is_open = |transform: &Transform| matches!(transform, Transform::StandardizeFeatures(step) if !step.is_fitted());
    let Some(place) = transforms.iter().position(is_open) else {
        return Ok(());
    };
    let (before, behind) = transforms.split_at_mut(place);
    if let Some(transform) = behind.first_mut() {
        let step = RecordingFront::statistics_of(before, examples)?;
        *transform = Transform::StandardizeFeatures(step);
    }
    Ok(())
}

impl RecordingFront {
    /// Checks the transforms, and in which order they stand.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the order was checked, which knows no transform of another domain"
    )]
    pub(super) fn new(transforms: &[Transform]) -> Result<Self, DataError> {
        check_order(transforms)?;
        let (mut resample, mut length, mut standardize) = (None, None, None);
        let (mut waveform_steps, mut features) = (Vec::new(), None);
        for transform in transforms {
            transform.check()?;
            match transform {
                Transform::ResampleAudio(step) => resample = Some(step.clone()),
                Transform::NormalizePeak(step) => {
                    waveform_steps.push(WaveformStep::NormalizePeak(step.clone()));
                }
                Transform::TrimSilence(step) => {
                    waveform_steps.push(WaveformStep::TrimSilence(step.clone()));
                }
                Transform::PadOrTrim(step) => length = Some(step.clone()),
                Transform::LogMel(_) | Transform::Mfcc(_) => features = Some(transform),
                Transform::StandardizeFeatures(step) => standardize = Some(step.clone()),
                // Decoding is always the first stage, and other domains have no place here.
                _ => {}
            }
        }
        let resample = resample.ok_or_else(|| {
            missing(
                "resample_audio",
                "which gives every recording the same sample rate",
            )
        })?;
        let features = match features {
            Some(Transform::LogMel(settings)) => {
                MelSpectrogram::new(settings, resample.sample_rate)
                    .map(FeatureStep::LogMel)
                    .map_err(in_step("log_mel"))?
            }
            Some(Transform::Mfcc(settings)) => Mfcc::new(settings, resample.sample_rate)
                .map(FeatureStep::Mfcc)
                .map_err(in_step("mfcc"))?,
            _ => {
                return Err(missing(
                    "log_mel",
                    "or `mfcc`: what the model is given of a recording",
                ));
            }
        };
        if let Some(standardize) = &standardize {
            let [_, bands, _] = features.shape(1);
            standardize.check_bands(bands)?;
        }
        Ok(Self {
            resample,
            waveform_steps,
            length,
            features,
            standardize,
        })
    }

    /// Checks that nothing is left to the data.
    pub(super) fn fitted(self) -> Result<Self, DataError> {
        match &self.standardize {
            Some(step) if !step.is_fitted() => Err(DataError::InvalidPipeline(
                "`standardize_features` leaves mean and std to the training data, which have not been seen"
                    .to_owned(),
            )),
            _ => Ok(self),
        }
    }

    /// What standardizes the features that `before` makes of the recordings.
    fn statistics_of(
        before: &[Transform],
        examples: &[Example],
    ) -> Result<StandardizeFeatures, DataError> {
        let front = Self::new(before)?;
        let mut statistics = BandStatistics::default();
        for example in examples {
            let computed = front
                .waveform(&example.input)
                .and_then(|waveform| front.features.compute(&front.at_length(&waveform)?));
            let features = computed.map_err(|error| error.of_example(&example.id))?;
            statistics.add(features.values(), features.frames());
        }
        Ok(statistics.into_step())
    }

    /// The first stage: the waveform at the common sample rate.
    fn waveform(&self, example: &RawExample) -> Result<Waveform, DataError> {
        let RawExample::Encoded(bytes) = example else {
            return Err(DataError::WrongInput {
                expected: "recordings",
                actual: example.kind(),
            });
        };
        let mut waveform = self.resample.apply(&decode(bytes)?)?;
        for step in &self.waveform_steps {
            match step {
                WaveformStep::NormalizePeak(step) => step.apply(&mut waveform)?,
                WaveformStep::TrimSilence(step) => {
                    waveform = mofang_audio::trim_silence(&waveform, step)?;
                }
            }
        }
        Ok(waveform)
    }

    /// The recording at the common length.
    fn at_length(&self, waveform: &Waveform) -> Result<Waveform, DataError> {
        let Some(step) = &self.length else {
            return Ok(waveform.clone());
        };
        let rate = self.resample.sample_rate;
        Ok(Waveform::new(rate, step.apply(waveform.samples(), rate))?)
    }

    fn shape(&self) -> Option<[usize; 3]> {
        let length = self.length.as_ref()?;
        let samples = length.samples(self.resample.sample_rate);
        Some(self.features.shape(samples))
    }
}

impl Front for RecordingFront {
    fn input(&self) -> Option<ModelInput> {
        self.shape().map(ModelInput::image)
    }

    fn stage<'a>(&self, example: &'a RawExample) -> Result<Staged<'a>, DataError> {
        self.stage_noting(example, &mut Vec::new())
    }

    fn stage_noting<'a>(
        &self,
        example: &'a RawExample,
        warnings: &mut Vec<String>,
    ) -> Result<Staged<'a>, DataError> {
        let samples = self.waveform(example)?.into_samples();
        let rate = self.resample.sample_rate;
        if let Some(step) = &self.length
            && samples.len() > step.samples(rate)
        {
            let place = match step.align {
                Align::Center => "those in its middle",
                Align::Start => "the first",
            };
            warnings.push(format!(
                "the recording is {:.1} seconds long; only {place} {} were read",
                samples.len() as f64 / f64::from(rate),
                step.seconds
            ));
        }
        Tensor::new(vec![samples.len()], samples)
            .map(|tensor| Staged::Values(Cow::Owned(tensor)))
            .map_err(|error| DataError::InvalidSettings(error.to_string()))
    }

    fn finish(
        &self,
        staged: &Staged<'_>,
        mut augmenting: Option<Augmenting<'_>>,
        values: &mut Vec<f32>,
        _: &mut Vec<f32>,
    ) -> Result<Vec<usize>, DataError> {
        let Staged::Values(samples) = staged else {
            return Err(DataError::WrongInput {
                expected: "recordings",
                actual: "an image",
            });
        };
        let mut waveform = Waveform::new(self.resample.sample_rate, samples.data().to_vec())?;
        if let Some((augmentations, randomness)) = &mut augmenting {
            waveform = at_another_speed(waveform, augmentations, *randomness)?;
        }
        waveform = self.at_length(&waveform)?;
        if let Some((augmentations, randomness)) = &mut augmenting {
            change_waveform(&mut waveform, augmentations, *randomness);
        }
        let mut features = self.features.compute(&waveform)?;
        if let Some((augmentations, randomness)) = &mut augmenting {
            mask(&mut features, augmentations, *randomness);
        }
        let frames = features.frames();
        if let Some(standardize) = &self.standardize {
            standardize.apply(features.values_mut(), frames);
        }
        values.extend_from_slice(features.values());
        Ok(vec![1, features.bands(), frames])
    }

    fn seconds(&self) -> Option<f64> {
        self.length.as_ref().map(|length| length.seconds)
    }

    fn check(&self, tensor: &Tensor) -> Result<(), DataError> {
        let (shape, [_, bands, _]) = (tensor.shape(), self.features.shape(1));
        let is_right = match self.shape() {
            Some(expected) => shape == expected,
            None => matches!(shape, [1, actual, frames] if *actual == bands && *frames > 0),
        };
        if is_right {
            return Ok(());
        }
        Err(DataError::WrongShape {
            actual: shape.to_vec(),
            expected: self.shape().map_or_else(
                || format!("[1, {bands}, frames]"),
                |expected| format!("{expected:?}"),
            ),
        })
    }
}

fn at_another_speed(
    mut waveform: Waveform,
    augmentations: &[Augmentation],
    randomness: &mut dyn Rng,
) -> Result<Waveform, DataError> {
    for augmentation in augmentations {
        if let Augmentation::SpeedPerturbation(step) = augmentation {
            waveform = step.apply(&waveform, randomness)?;
        }
    }
    Ok(waveform)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "augmentations of other domains change no recording, whatever they are"
)]
fn change_waveform(
    waveform: &mut Waveform,
    augmentations: &[Augmentation],
    randomness: &mut dyn Rng,
) {
    for augmentation in augmentations {
        match augmentation {
            Augmentation::AdditiveNoise(step) => step.apply(waveform, randomness),
            Augmentation::RandomGain(step) => step.apply(waveform, randomness),
            Augmentation::TimeShift(step) => step.apply(waveform, randomness),
            // Those of features come later, and other domains have none here.
            _ => {}
        }
    }
}

fn mask(features: &mut Features, augmentations: &[Augmentation], randomness: &mut dyn Rng) {
    for augmentation in augmentations {
        if let Augmentation::SpecAugment(step) = augmentation {
            step.apply(features, randomness);
        }
    }
}

#[cfg(test)]
mod tests {
    use mofang_audio::encode_wav;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;
    use serde_json::{Value, json};

    use super::*;
    use crate::{Pipeline, Split, Target};

    /// A tone of half a second.
    fn tone(sample_rate: u32, hertz: f32) -> RawExample {
        let samples = (0..sample_rate / 2).map(|index| {
            0.5 * (std::f32::consts::TAU * hertz * index as f32 / sample_rate as f32).sin()
        });
        let waveform = Waveform::new(sample_rate, samples.collect()).unwrap();
        RawExample::Encoded(encode_wav(&waveform))
    }

    fn whole() -> Value {
        json!([
            {"type": "decode_audio"},
            {"type": "resample_audio", "sample_rate": 8000},
            {"type": "trim_silence", "threshold_db": 40.0, "frame_length": 256, "hop_length": 128},
            {"type": "normalize_peak"},
            {"type": "pad_or_trim", "seconds": 1.0},
            {"type": "log_mel", "n_fft": 256, "hop_length": 100, "n_mels": 20},
            {"type": "standardize_features"},
        ])
    }

    fn pipeline(transforms: &Value) -> Result<Pipeline, DataError> {
        let pipeline = Pipeline::from_json(&json!({
            "transforms": transforms,
            "decoders": [{"type": "softmax"}, {"type": "top_k", "k": 1}, {"type": "labels"}],
        }))?;
        pipeline.check(mofang_types::Task::AudioClassification)?;
        Ok(pipeline)
    }

    fn split() -> Split {
        let examples = [(8_000, 440.0), (16_000, 880.0), (44_100, 220.0)];
        Split::new(
            examples
                .iter()
                .map(|(sample_rate, hertz)| Example {
                    id: hertz.to_string(),
                    input: tone(*sample_rate, *hertz),
                    target: Target::Class(0),
                })
                .collect(),
        )
    }

    #[test]
    fn recordings_of_any_rate_become_one_shape_and_the_split_is_standardized() {
        let unfitted = pipeline(&whole()).unwrap();
        let message = unfitted.compile(&[]).unwrap_err().to_string();
        assert!(message.contains("have not been seen"), "{message}");
        let split = split();
        let fitted = unfitted.fit(&split).unwrap();
        let compiled = fitted.pipeline.compile(&["a".to_owned()]).unwrap();
        assert_eq!(compiled.input(), Some(ModelInput::image([1, 20, 81])));
        let mut sums = [0.0; 20];
        for example in split.examples() {
            let tensor = compiled.prepare(&example.input).unwrap();
            assert_eq!(tensor.shape(), [1, 20, 81]);
            for (sum, band) in sums.iter_mut().zip(tensor.data().chunks_exact(81)) {
                *sum += band.iter().sum::<f32>() / 81.0;
            }
        }
        assert!(sums.iter().all(|sum| sum.abs() < 1e-3), "{sums:?}");
        // What was found is stored, and gives the same without the data.
        let stored = serde_json::to_value(&fitted.pipeline).unwrap();
        let again = Pipeline::from_json(&stored).unwrap();
        assert_eq!(
            again.fit(&Split::new(vec![])).unwrap().pipeline,
            fitted.pipeline
        );
        assert!(again.compile(&[]).is_ok());
    }

    #[test]
    fn orders_and_steps_that_cannot_be_are_refused() {
        let mel = json!({"type": "log_mel"});
        let resample = json!({"type": "resample_audio", "sample_rate": 8000});
        for (transforms, part) in [
            (json!([mel]), "`resample_audio` is missing"),
            (json!([resample]), "`log_mel` is missing"),
            (
                json!([mel, resample]),
                "`resample_audio` stands after `log_mel`",
            ),
            (json!([resample, mel, mel]), "only one of them"),
            (json!([resample, mel, {"type": "mfcc"}]), "only one of them"),
            (
                json!([resample, {"type": "log_mel", "f_max": 8000.0}]),
                "`log_mel`: ",
            ),
            (
                json!([resample, {"type": "log_mel", "n_mel": 8}]),
                "did you mean `n_mels`?",
            ),
            (
                json!([resample, mel, {"type": "standardize_features", "mean": [0.0], "std": [1.0]}]),
                "1 numbers for 80 bands",
            ),
            (
                json!([{"type": "decode_audio"}, {"type": "decode"}]),
                "takes",
            ),
            (
                json!([{"type": "resample_audio", "sample_rate": 10}, mel]),
                "a sample rate of 10 Hz",
            ),
            (
                json!([resample, {"type": "pad_or_trim", "seconds": 0.0}, mel]),
                "seconds = 0",
            ),
        ] {
            let message = pipeline(&transforms).unwrap_err().to_string();
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
    }

    #[test]
    fn what_is_cut_off_is_told_and_what_is_said_stays_in_its_place() {
        let compiled = |align: &str| {
            let mut transforms = whole();
            transforms[4] = json!({"type": "pad_or_trim", "seconds": 0.2, "align": align});
            let fitted = pipeline(&transforms).unwrap().fit(&split()).unwrap();
            fitted.pipeline.compile(&["a".to_owned()]).unwrap()
        };
        for (align, part) in [
            ("start", "only the first 0.2"),
            ("center", "in its middle 0.2"),
        ] {
            let mut warnings = Vec::new();
            let input = tone(8_000, 440.0);
            compiled(align)
                .prepare_noting(&input, &mut warnings)
                .unwrap();
            let [warning] = warnings.as_slice() else {
                panic!("{warnings:?}");
            };
            assert!(
                warning.contains("0.5 seconds long") && warning.contains(part),
                "{warning}"
            );
        }
        let speech = |transforms: Value| {
            let pipeline = Pipeline::from_json(&json!({
                "transforms": transforms, "decoders": [{"type": "ctc"}],
            }));
            pipeline
                .unwrap()
                .check(mofang_types::Task::SpeechRecognition)
        };
        let resample = json!({"type": "resample_audio", "sample_rate": 8000});
        let mel = json!({"type": "log_mel"});
        let start = json!({"type": "pad_or_trim", "seconds": 1.0, "align": "start"});
        assert!(speech(json!([resample, start, mel])).is_ok());
        for (step, part) in [
            (json!({"type": "trim_silence"}), "leave it out"),
            (
                json!({"type": "pad_or_trim", "seconds": 1.0}),
                "align = \"start\"",
            ),
        ] {
            let error = speech(json!([resample, step, mel])).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let fitted = pipeline(&whole()).unwrap().fit(&split()).unwrap();
        let compiled = fitted.pipeline.compile(&[]).unwrap();
        let text = RawExample::Text("a".to_owned());
        assert!(matches!(
            compiled.prepare(&text),
            Err(DataError::WrongInput { .. })
        ));
        let bytes = RawExample::Encoded(b"\x89PNG".to_vec());
        assert!(matches!(
            compiled.prepare(&bytes),
            Err(DataError::UnreadableRecording(_))
        ));
        let ready = |shape: Vec<usize>| {
            let values = vec![0.0; shape.iter().product()];
            compiled.prepare(&RawExample::Tensor(Tensor::new(shape, values).unwrap()))
        };
        assert!(ready(vec![1, 20, 81]).is_ok());
        assert!(ready(vec![1, 20, 80]).is_err());
        assert!(compiled.picture(&tone(8_000, 440.0)).unwrap().is_none());
    }

    #[test]
    fn augmentations_change_recordings_the_same_way_for_the_same_seed() {
        let fitted = pipeline(&whole()).unwrap().fit(&split()).unwrap();
        let compiled = fitted.pipeline.compile(&[]).unwrap();
        let input = tone(16_000, 440.0);
        let plain = compiled.prepare(&input).unwrap();
        for step in [
            json!({"type": "additive_noise", "probability": 1.0, "ratio_db_min": 5.0, "ratio_db_max": 10.0}),
            json!({"type": "random_gain", "decibels": 6.0}),
            json!({"type": "spec_augment", "frequency_width_max": 5, "time_width_max": 20}),
            json!({"type": "speed_perturbation", "factors": [0.8, 1.2]}),
            json!({"type": "time_shift", "seconds_max": 0.2}),
        ] {
            let augmentation: Augmentation = serde_json::from_value(step.clone()).unwrap();
            augmentation.check().unwrap();
            assert_eq!(step["type"], augmentation.name());
            let augmented = |seed| {
                let mut randomness = ChaCha8Rng::seed_from_u64(seed);
                compiled
                    .prepare_augmented(&input, std::slice::from_ref(&augmentation), &mut randomness)
                    .unwrap()
            };
            assert_eq!(augmented(1), augmented(1), "{step}");
            assert_ne!(augmented(1), augmented(2), "{step}");
            assert_ne!(augmented(1), plain, "{step}");
        }
    }
}
