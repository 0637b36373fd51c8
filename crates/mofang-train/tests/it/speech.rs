//! A run of speech recognition: what is said, out of outputs at each step.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mofang_audio::{Waveform, encode_wav};
use mofang_data::{
    Catalogue, CleaningReport, Dataset, Example, RawExample, Split, SplitName, Target,
};
use mofang_train::{NoObserver, Recipe, Resume, RunStatus, TrainError, TrainOutcome};
use mofang_types::{Dimension, Task};

use crate::support::{StopAt, run_over};

const RECIPE: &str = r#"
format_version = 1

[model]
name = "tones"
task = "speech-recognition"

[data]
dataset = "tones"

[pipeline]
transforms = [
    { type = "decode_audio" },
    { type = "resample_audio", sample_rate = 4000 },
    { type = "pad_or_trim", seconds = 0.8, align = "start" },
    { type = "log_mel", n_fft = 128, hop_length = 64, n_mels = 16 },
    { type = "standardize_features" },
]
decoders = [{ type = "ctc", beam_width = 4, separator = " " }]

[architecture]
name = "crnn"

[architecture.config]
channels = [8]
time_strides = [2]
hidden_size = 16
layers = 1
dropout = 0.1

[train]
seed = 3
batch_size = 8
clip_norm = 5.0
optimizer = { name = "adamw", learning_rate = 0.02 }
checkpoint_every_steps = 4
loader_threads = 2

[train.stop]
epochs = 2
"#;

/// One to three tones out of three, each of a tenth of a second, with a pause behind it.
fn split(count: u32, first: u32) -> Arc<Split> {
    let examples = (first..first + count).map(|number| {
        let mut samples = Vec::new();
        let labels: Vec<usize> = (0..=number % 3)
            .map(|place| ((number / 3 + place * 7 + number * place) % 3) as usize)
            .collect();
        for label in &labels {
            let hertz = [300.0, 700.0, 1500.0][*label];
            samples.extend((0..400_u16).map(|index| {
                0.5 * (std::f32::consts::TAU * hertz * f32::from(index) / 4000.0).sin()
            }));
            samples.extend([0.0; 160]);
        }
        let waveform = Waveform::new(4000, samples).unwrap();
        Example {
            id: format!("tones:{number}"),
            input: RawExample::Encoded(encode_wav(&waveform)),
            target: Target::Labels(labels.into()),
        }
    });
    Arc::new(Split::new(examples.collect()))
}

fn dataset() -> Arc<Dataset> {
    let catalogue = Catalogue::builtin().unwrap();
    Arc::new(Dataset {
        name: "tones".to_owned(),
        labels: ["low", "middle", "high"].map(str::to_owned).to_vec(),
        splits: BTreeMap::from([
            (SplitName::Train, split(90, 0)),
            (SplitName::Validation, split(12, 300)),
            (SplitName::Test, split(30, 600)),
        ]),
        cleaning: CleaningReport::default(),
        entry: catalogue.entry("fsdd").unwrap().clone(),
    })
}

fn run(text: &str, run_dir: &Path, resume: Resume) -> Result<TrainOutcome, TrainError> {
    let recipe = Recipe::parse(text)?;
    let stop = Arc::new(AtomicBool::new(false));
    run_over(dataset(), recipe, run_dir, resume, stop, &mut NoObserver)
}

#[test]
fn rel_1_speech_too_ends_with_the_same_bits_when_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run(RECIPE, &folder.path().join("whole"), Resume::Fresh).unwrap();
    let run_dir = folder.path().join("parts");
    for step in [3_u64, 14] {
        let stop = Arc::new(AtomicBool::new(false));
        let mut observer = StopAt {
            step,
            stop: Arc::clone(&stop),
        };
        let recipe = Recipe::parse(RECIPE).unwrap();
        let resume = Resume::Latest;
        let outcome = run_over(dataset(), recipe, &run_dir, resume, stop, &mut observer).unwrap();
        assert_eq!(outcome.status, RunStatus::Interrupted { step });
    }
    let resumed = run(RECIPE, &run_dir, Resume::Latest).unwrap();
    assert_eq!(whole.weights, resumed.weights);
    assert_eq!(whole.evaluation, resumed.evaluation);
}

#[test]
fn what_is_said_is_learned_and_judged_by_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = RECIPE.replace("epochs = 2", "epochs = 12");
    let outcome = run(&recipe, folder.path(), Resume::Fresh).unwrap();
    let evaluation = outcome.evaluation.clone().unwrap();
    assert!(
        evaluation.metrics["word_error_rate"] < 0.05,
        "{:?}",
        evaluation.metrics
    );
    assert!(evaluation.metrics["exact_match"] > 0.9);
    let baseline = &evaluation.baselines["commonest text"];
    assert!(baseline["word_error_rate"] > 0.5, "{baseline:?}");
    let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(report.contains("(30 recordings)") && report.contains("| word_error_rate |"));

    let (manifest, _) = outcome.into_package();
    assert_eq!(manifest.task, Task::SpeechRecognition);
    assert_eq!(manifest.labels, ["low", "middle", "high"]);
    // The blank stands behind the labels.
    let shape = &manifest.signature.outputs[0].shape;
    assert!(matches!(
        shape.as_slice(),
        [_, Dimension::Named(_), Dimension::Fixed(4)]
    ));
}

#[test]
fn what_cannot_recognize_speech_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |from: &str, to: &str| {
        assert!(RECIPE.contains(from), "{from}");
        let outcome = run(&RECIPE.replace(from, to), folder.path(), Resume::Latest);
        outcome.unwrap_err().to_string()
    };
    for (from, to, part) in [
        (
            "name = \"crnn\"\n\n[architecture.config]\nchannels = [8]\ntime_strides = [2]\nhidden_size = 16\nlayers = 1\ndropout = 0.1",
            "name = \"simple_cnn\"",
            "take crnn",
        ),
        (
            "[{ type = \"ctc\", beam_width = 4, separator = \" \" }]",
            "[{ type = \"softmax\" }, { type = \"top_k\", k = 1 }, { type = \"labels\" }]",
            "ctc alone",
        ),
        ("beam_width = 4", "beam_width = 0", "beam_width = 0"),
        (
            "time_strides = [2]",
            "time_strides = [2, 2]",
            "one for each block",
        ),
        (
            "    { type = \"pad_or_trim\", seconds = 0.8, align = \"start\" },\n",
            "",
            "pad_or_trim",
        ),
        (
            "epochs = 2",
            "epochs = 2\ntarget = { metric = \"accuracy\", value = 1.0 }",
            "word_error_rate",
        ),
    ] {
        let message = refusal(from, to);
        assert!(message.contains(part), "\"{part}\" is not in: {message}");
    }
}
