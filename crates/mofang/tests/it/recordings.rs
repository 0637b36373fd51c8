//! A model of recordings from a folder of one's own to a prediction.

use std::f32::consts::TAU;
use std::fs;

use mofang_audio::{Waveform, encode_wav};

use crate::support::Home;

const RECIPE: &str = r#"
format_version = 1

[model]
name = "tones"
task = "audio-classification"

[data]
dataset = "tones.toml"

[data.split]
validation_fraction = 0.0
test_fraction = 0.25

[pipeline]
transforms = [
    { type = "decode_audio" },
    { type = "resample_audio", sample_rate = 8000 },
    { type = "pad_or_trim", seconds = 0.5 },
    { type = "log_mel", n_fft = 256, hop_length = 200, n_mels = 8 },
    { type = "standardize_features" },
]
decoders = [{ type = "softmax" }, { type = "top_k", k = 2 }, { type = "labels" }]

[[augmentations]]
type = "random_gain"
decibels = 3.0

[architecture]
name = "simple_cnn"
config = { blocks = [{ channels = 4 }], hidden = [] }

[train]
seed = 1
batch_size = 8
optimizer = { name = "adamw", learning_rate = 0.02 }

[train.stop]
epochs = 12
"#;

/// A tone of `hertz` as a WAV file.
fn tone(sample_rate: u16, hertz: f32) -> Vec<u8> {
    let rate = f32::from(sample_rate);
    let samples =
        (0..sample_rate / 2).map(|index| 0.4 * (TAU * hertz * f32::from(index) / rate).sin());
    encode_wav(&Waveform::new(u32::from(sample_rate), samples.collect()).unwrap())
}

#[test]
fn tones_are_learned_from_a_folder_and_told_apart() {
    let home = Home::new();
    for (class, hertz) in [("high", 1_500.0), ("low", 300.0)] {
        let folder = home.path("sounds").join(class);
        fs::create_dir_all(&folder).unwrap();
        for index in 0_u8..16 {
            let sample_rate = if index % 2 == 0 { 8_000 } else { 22_050 };
            let bytes = tone(sample_rate, hertz + 10.0 * f32::from(index));
            fs::write(folder.join(format!("{index}.wav")), bytes).unwrap();
        }
    }
    let broken = tone(8_000, 300.0);
    fs::write(home.path("sounds/low/broken.wav"), &broken[..500]).unwrap();
    fs::write(
        home.path("tones.toml"),
        "name = \"tones\"\n[reader]\ntype = \"audio_folder\"\nfolder = \"sounds\"\n",
    )
    .unwrap();
    fs::write(home.path("recipe.toml"), RECIPE).unwrap();
    home.run(&["train", "recipe.toml"]).expect(0);

    fs::create_dir(home.path("asked")).unwrap();
    fs::write(home.path("asked/a.wav"), tone(44_100, 1_550.0)).unwrap();
    fs::write(home.path("asked/b.wav"), &broken[..500]).unwrap();
    fs::write(home.path("asked/c.wav"), tone(8_000, 350.0)).unwrap();
    let ran = home.run(&["predict", "tones", "asked", "--format", "json"]);
    let ran = ran.expect(2);
    ran.complains("truncated");
    let lines = ran.json_lines();
    let label = |line: usize| lines[line]["prediction"]["classes"][0]["label"].as_str();
    assert_eq!((label(0), label(2)), (Some("high"), Some("low")));
}
