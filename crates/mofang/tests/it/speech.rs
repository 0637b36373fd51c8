//! A model that writes down what is said, from a folder of one's own to a transcript.

use std::f32::consts::TAU;
use std::fmt::Write as _;
use std::fs;

use mofang_audio::{Waveform, encode_wav};

use crate::support::Home;

/// What can be said, and how it sounds.
const WORDS: [(&str, f32); 3] = [("low", 300.0), ("middle", 700.0), ("high", 1_500.0)];

const SAMPLE_RATE: u16 = 4_000;

const ENTRY: &str = r#"
name = "tones"

[reader]
type = "audio_folder"
folder = "clips"

[reader.transcripts]
table = "metadata.csv"
units = "words"
"#;

const RECIPE: &str = r#"
format_version = 1

[model]
name = "tones"
task = "speech-recognition"

[data]
dataset = "tones.toml"

[data.split]
validation_fraction = 0.0

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

[train.stop]
epochs = 15
"#;

/// The words as tones of a tenth of a second with a pause behind each, as a WAV file.
fn said(words: &[usize], loudness: f32) -> Vec<u8> {
    let mut samples = Vec::new();
    for word in words {
        let step = TAU * WORDS[*word].1 / f32::from(SAMPLE_RATE);
        samples.extend((0..400_u16).map(|index| loudness * (step * f32::from(index)).sin()));
        samples.extend([0.0; 160]);
    }
    encode_wav(&Waveform::new(u32::from(SAMPLE_RATE), samples).unwrap())
}

/// Recordings of one to three words with the table of what is said in them, and one that is not in it.
fn home() -> Home {
    let home = Home::new();
    let mut table = "file,text\n".to_owned();
    for (split, numbers) in [("train", 0..90_u16), ("test", 600..630)] {
        let folder = home.path("clips").join(split);
        fs::create_dir_all(&folder).unwrap();
        for number in numbers {
            let words: Vec<usize> = (0..=number % 3)
                .map(|place| usize::from((number / 3 + place * 7 + number * place) % 3))
                .collect();
            // Recordings that are the same would be removed.
            let loudness = 0.3 + f32::from(number * 37 % 100) / 500.0;
            fs::write(folder.join(format!("{number}.wav")), said(&words, loudness)).unwrap();
            let names: Vec<&str> = words.iter().map(|word| WORDS[*word].0).collect();
            writeln!(table, "{split}/{number}.wav,{}", names.join(" ")).unwrap();
        }
    }
    fs::write(home.path("clips/train/untold.wav"), said(&[0], 0.2)).unwrap();
    fs::write(home.path("metadata.csv"), table).unwrap();
    fs::write(home.path("tones.toml"), ENTRY).unwrap();
    fs::write(home.path("recipe.toml"), RECIPE).unwrap();
    home
}

#[test]
fn what_is_said_is_learned_from_a_folder_and_written_down() {
    let home = home();
    let trained = home
        .run(&["train", "recipe.toml", "--format", "json"])
        .expect(0)
        .json();
    let report = fs::read_to_string(format!("{}/report.md", trained["folder"].as_str().unwrap()));
    let report = report.unwrap();
    assert!(
        report.contains("Cleaning removed: missing_label 1."),
        "{report}"
    );

    fs::write(home.path("asked.wav"), said(&[0, 2], 0.41)).unwrap();
    let told = home.run(&["predict", "tones", "asked.wav"]).expect(0);
    assert!(
        told.stdout.starts_with("Transcript: low high\n"),
        "{}",
        told.stdout
    );
    let told = home
        .run(&["predict", "tones", "asked.wav", "--format", "json"])
        .expect(0)
        .json();
    let transcript = &told["prediction"]["transcript"];
    assert_eq!(transcript["text"], "low high");
    let words = transcript["words"].as_array().unwrap();
    assert_eq!(words[0]["text"], "low");
    assert_eq!(words[1]["text"], "high");
    let mut before = 0.0;
    for word in words {
        let start = word["start_seconds"].as_f64().unwrap();
        let end = word["end_seconds"].as_f64().unwrap();
        assert!(before <= start, "{transcript}");
        assert!(start < end, "{transcript}");
        before = end;
    }
    assert!(before < 0.81, "{transcript}");

    fs::write(home.path("broken.wav"), &said(&[0], 0.3)[..500]).unwrap();
    home.run(&["predict", "tones", "broken.wav"])
        .expect(2)
        .complains("truncated");

    let evaluated = home.run(&[
        "evaluate",
        "tones",
        "--dataset",
        "tones.toml:test",
        "--format",
        "json",
    ]);
    let metrics = evaluated.expect(0).json()["metrics"].clone();
    assert!(
        metrics["word_error_rate"].as_f64().unwrap() < 0.1,
        "{metrics}"
    );
    assert!(metrics["exact_match"].as_f64().unwrap() > 0.8, "{metrics}");
}

#[test]
fn a_table_that_does_not_tell_what_is_said_is_named() {
    let home = home();
    for (from, to, part) in [
        ("metadata.csv", "nowhere.csv", "nowhere.csv"),
        ("units =", "text_column = \"sentence\"\nunits =", "sentence"),
    ] {
        fs::write(home.path("tones.toml"), ENTRY.replace(from, to)).unwrap();
        let refused = home.run(&["train", "recipe.toml"]);
        assert_ne!(refused.code, Some(0), "{to}");
        refused.complains(part);
    }
}
