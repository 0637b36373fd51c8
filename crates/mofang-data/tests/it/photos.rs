//! Preparing photographs gives, bit for bit, what Pillow gives (`crop224/` was made with it).

use std::fs;

use mofang_data::{Pipeline, RawExample};
use serde_json::json;

use mofang_types::testing::reference_data;

#[test]
fn resizing_and_cropping_are_those_of_pillow() {
    let Some(photos) = reference_data("vision/photos") else {
        return;
    };
    let labels = ["a".to_owned(), "b".to_owned()];
    let decoders = json!([{"type": "softmax"}, {"type": "top_k", "k": 1}, {"type": "labels"}]);
    let compile = |transforms: serde_json::Value| {
        Pipeline::from_json(&json!({"transforms": transforms, "decoders": decoders}))
            .unwrap()
            .compile(&labels)
            .unwrap()
    };
    let whole = compile(json!([
        {"type": "decode"}, {"type": "convert", "color": "rgb"},
        {"type": "resize", "shorter_side": 256}, {"type": "center_crop", "height": 224, "width": 224},
    ]));
    let reference = compile(json!([{"type": "decode"}, {"type": "convert", "color": "rgb"}]));
    // Sources without loss must agree in every sample; JPEG decoders may differ in the last bit of one.
    for (name, extension, difference_max) in [
        ("bird", "bmp", 0),
        ("chelsea", "png", 0),
        ("coffee", "png", 0),
        ("dog_segmentation", "bmp", 0),
        ("dragonfly", "bmp", 0),
        ("grace_hopper", "bmp", 0),
        ("cat_720p", "jpg", 3),
        ("china", "jpg", 3),
        ("flower", "jpg", 3),
        ("hot_dog", "jpg", 3),
        ("rocket", "jpg", 3),
    ] {
        let read = |path: String| RawExample::Encoded(fs::read(photos.join(path)).unwrap());
        let actual = whole
            .picture(&read(format!("{name}.{extension}")))
            .unwrap()
            .unwrap();
        let expected = reference
            .picture(&read(format!("crop224/{name}.png")))
            .unwrap()
            .unwrap();
        assert_eq!(actual.data().len(), expected.data().len(), "{name}");
        let pairs = actual.data().iter().zip(expected.data());
        let difference = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(difference <= difference_max, "{name}: off by {difference}");
    }
}
