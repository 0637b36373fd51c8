//! The surest mistakes as a picture of their images.

use super::svg::{Anchor, Svg, shortened};
use crate::mistakes::Mistake;

const COLUMNS: usize = 6;
const CELL: f64 = 130.0;
const IMAGE: f64 = 96.0;
const ROW: f64 = 150.0;
const LABEL_LENGTH: usize = 17;
const TEXT_COLOR: &str = "#333333";

/// The image of each mistake with what it is and what it was taken for.
pub(super) fn draw(mistakes: &[Mistake], images: &[Vec<u8>]) -> String {
    let rows = mistakes.len().div_ceil(COLUMNS).max(1);
    let mut svg = Svg::new(
        CELL * COLUMNS as f64,
        ROW * rows as f64 + 10.0,
        "most confused examples",
    );
    if mistakes.is_empty() {
        svg.text((10.0, 30.0), 14.0, Anchor::Start, TEXT_COLOR, "no mistakes");
    }
    for (index, (mistake, image)) in mistakes.iter().zip(images).enumerate() {
        let x = (index % COLUMNS) as f64 * CELL;
        let y = (index / COLUMNS) as f64 * ROW + 8.0;
        let middle = x + CELL / 2.0;
        svg.png([x + (CELL - IMAGE) / 2.0, y, IMAGE, IMAGE], image);
        let truth = format!("is {}", shortened(&mistake.label, LABEL_LENGTH));
        let taken = format!("not {}", shortened(&mistake.predicted, LABEL_LENGTH));
        svg.text(
            (middle, y + IMAGE + 14.0),
            11.0,
            Anchor::Middle,
            TEXT_COLOR,
            &truth,
        );
        svg.text(
            (middle, y + IMAGE + 28.0),
            11.0,
            Anchor::Middle,
            "#b3261e",
            &taken,
        );
        let sure = format!("{:.1} %", mistake.probability * 100.0);
        svg.text(
            (middle, y + IMAGE + 41.0),
            10.0,
            Anchor::Middle,
            TEXT_COLOR,
            &sure,
        );
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_has_its_image_and_its_words() {
        let mistake = Mistake {
            index: 0,
            id: "x".to_owned(),
            excerpt: None,
            label: "seven".to_owned(),
            predicted: "one".to_owned(),
            probability: 0.987,
        };
        let text = draw(&[mistake], &[vec![1, 2, 3]]);
        for part in [
            "data:image/png;base64,AQID",
            "is seven",
            "not one",
            "98.7 %",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(draw(&[], &[]).contains("no mistakes"));
    }
}
