//! `mofang import`, and the story that must never break: a file of weights, an image, a class.

use std::fs;
use std::path::Path;

use mofang_types::testing::reference_data;

use crate::support::Home;

/// A network of torchvision's class VGG, saved whole, with the logits of PyTorch beside it.
pub(crate) fn file(name: &str) -> String {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mofang-import/tests/files");
    files.join(name).display().to_string()
}

#[test]
fn a_whole_module_is_imported_and_asked_about_random_numbers() {
    let home = Home::new();
    let (vgg, labels) = (file("vgg.pth"), home.path("labels.txt"));
    fs::write(&labels, "ant\nbee\ncat\ndog\nelk\n").unwrap();
    let imported = home
        .run(&[
            "import",
            &vgg,
            "--name",
            "m",
            "--image-shape",
            "3x40x48",
            "--labels",
            "labels.txt",
            "--preset",
            "imagenet",
            "--license",
            "BSD-3-Clause",
            "--source",
            "torchvision",
            "--alias",
            "production",
        ])
        .expect(0);
    assert!(
        imported.stdout.contains("imported as m@1"),
        "{}",
        imported.stdout
    );
    assert_eq!(imported.stderr, "");
    let text = home
        .run(&["predict", "m", "--random", "1x3x40x48"])
        .expect(0)
        .stdout;
    let class = text.strip_prefix("Predicted class: ").unwrap();
    assert!(["ant", "bee", "cat", "dog", "elk"].contains(&class.split(' ').next().unwrap()));
    // The same numbers for the same seed, others for another.
    let asked = |seed: &str| {
        let shape = "3x40x48";
        let arguments = ["predict", "m@production", "--random", shape, "--seed", seed];
        home.run(&[&arguments[..], &["--format", "json"]].concat())
            .expect(0)
            .json()["prediction"]
            .clone()
    };
    assert_eq!(asked("0"), asked("0"));
    assert_ne!(asked("0"), asked("1"));
    home.run(&["predict", "m", "--random", "3x48x40"])
        .expect(2)
        .complains("shape");
}

#[test]
fn looking_publishes_nothing_and_tells_what_was_assumed() {
    let home = Home::new();
    let mobilenet = file("mobilenet_v2.pth");
    let looked = home
        .run(&["import", &mobilenet, "--name", "m", "--dry-run"])
        .expect(0);
    assert!(
        looked.stdout.contains("width_multiplier: 0.25"),
        "{}",
        looked.stdout
    );
    for part in ["no labels", "no licence", "preset imagenet"] {
        assert!(looked.stderr.contains(part), "{}", looked.stderr);
    }
    home.run(&["models", "show", "m"]).expect(2).complains("m");
}

#[test]
fn what_cannot_be_imported_is_refused_with_the_way_out() {
    let home = Home::new();
    fs::write(home.path("empty.pth"), "").unwrap();
    let (own, sequential) = (file("own.pth"), file("sequential.pth"));
    for (arguments, part) in [
        (vec!["empty.pth"], "it is empty"),
        (vec!["missing.pth"], "missing.pth"),
        (vec!["."], "is not known"),
        (
            vec!["https://example.org/model.pth"],
            "addresses are not opened",
        ),
        (vec![own.as_str()], "\"__main__.Own\""),
        (
            vec![&own, "--architecture", "lenets"],
            "did you mean \"lenet\"",
        ),
        (
            vec![
                &own,
                "--architecture",
                "resnet",
                "--image-shape",
                "1x28x28",
                "--classes",
                "10",
            ],
            "do not fit",
        ),
        (vec![&sequential], "image_shape"),
        (
            vec![&sequential, "--image-shape", "3x12x11", "--license", "mine"],
            "SPDX",
        ),
    ] {
        let command = [&["import"], arguments.as_slice(), &["--name", "m"]].concat();
        let ran = home.run(&command);
        assert_eq!(ran.code, Some(2), "{command:?}: {}", ran.stderr);
        ran.complains(part);
    }
    // Named, the weights of a class of one's own are those of a network that is known.
    home.run(&["import", &own, "--name", "m", "--architecture", "lenet"])
        .expect(0);
    home.run(&["predict", "m", "--random", "1x1x28x28"])
        .expect(0);
}

#[test]
fn published_weights_name_what_is_in_a_photograph() {
    let Some(models) = reference_data("models") else {
        return;
    };
    let home = Home::new();
    let weights = models.join("pytorch/squeezenet1_0-deepcompression.pth");
    let labels = models.join("imagenet_index_to_name.json");
    home.run(&[
        "import",
        weights.to_str().unwrap(),
        "--name",
        "squeezenet",
        "--labels",
        labels.to_str().unwrap(),
    ])
    .expect(0);
    let text = home
        .run(&["predict", "squeezenet", "--random", "1x3x224x224"])
        .expect(0)
        .stdout;
    assert!(text.starts_with("Predicted class: "), "{text}");
    let photos = reference_data("vision/photos/crop224").unwrap();
    for (photo, class) in [
        ("hot_dog.png", "hotdog"),
        ("chelsea.png", "Egyptian"),
        ("bird.png", "chickadee"),
    ] {
        let photo = photos.join(photo);
        if !photo.exists() {
            continue;
        }
        let text = home.run(&["predict", "squeezenet", photo.to_str().unwrap()]);
        let text = text.expect(0).stdout;
        assert!(
            text.starts_with(&format!("Predicted class: {class}")),
            "{text}"
        );
    }
}

#[test]
fn a_folder_of_a_sentence_encoder_becomes_a_model_that_embeds_texts() {
    let Some(folder) = reference_data("models/safetensors/all-MiniLM-L6-v2-f16") else {
        return;
    };
    let home = Home::new();
    let imported = home
        .run(&[
            "import",
            folder.to_str().unwrap(),
            "--name",
            "minilm",
            "--license",
            "Apache-2.0",
        ])
        .expect(0)
        .stdout;
    for part in ["bert", "an embedding of 384 numbers", "--text"] {
        assert!(imported.contains(part), "{imported}");
    }
    let text = home
        .run(&["predict", "minilm", "--text", "This is an example sentence"])
        .expect(0)
        .stdout;
    assert!(text.contains("Embedding of 384 numbers: [0.067"), "{text}");
}
